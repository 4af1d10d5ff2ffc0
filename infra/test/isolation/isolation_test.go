package isolation

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dsync/internal/management"
)

// intruder is somebody who has no right to a request.
type intruder struct {
	name          string
	authorization string
	about         owner // whose values the request has
	unknown       owner // the same, as it would be asked about what is not there
	status        int   // 0 for a key that may make the request, but not about that owner
}

// atOnce is how many requests are under way at a time.
const atOnce = 8

// Whoever has no right to a request is refused, learns nothing and changes
// nothing.
func TestIsolation(t *testing.T) {
	w := start(t)
	w.populate(t)
	everything := asks(t)
	tell := slices.Concat(w.a.told("Abacus"), w.b.told("Bellows"), w.paused.told("Papyrus"))
	tell = slices.DeleteFunc(tell, func(s string) bool { return s == "" })
	before := w.records(t)
	var count atomic.Int64
	todo := make(chan ask)
	var wait sync.WaitGroup
	for range atOnce {
		wait.Go(func() {
			for a := range todo {
				count.Add(int64(w.refused(t, a, tell)))
			}
		})
	}
	for _, a := range everything {
		todo <- a
	}
	close(todo)
	wait.Wait()
	w.unchanged(t, before)
	t.Logf("%d refused requests on %d routes, methods and paths", count.Load(), len(everything))

	w.permitted(t, everything, before)
}

// refused makes a request as everybody who must not, and returns how many that
// were. Each is refused as one that asks for what is not there.
func (w *world) refused(t *testing.T, a ask, tell []string) int {
	all := w.intruders(a)
	for _, i := range all {
		if a.bare() {
			i.status = http.StatusNotFound
		}
		s, err := w.try(t.Context(), i.authorization, a, i.about)
		other, unknown := w.try(t.Context(), i.authorization, a, i.unknown)
		if err != nil || unknown != nil {
			t.Errorf("%v, %s: %v, %v", a, i.name, err, unknown)
			return 0
		}
		if i.status == 0 {
			// It may name the ids that were asked for, and nothing else.
			s.body, other.body = i.about.out(s.body), i.unknown.out(other.body)
			s.header.Del("Content-Length")
			other.header.Del("Content-Length")
			if s.status >= http.StatusInternalServerError || s.status == http.StatusUnauthorized {
				t.Errorf("%v, %s: %d %.200s", a, i.name, s.status, s.body)
			}
			if s.status/100 == 2 && a.method != http.MethodGet {
				t.Errorf("%v, %s: it is done: %d %.200s", a, i.name, s.status, s.body)
			}
		} else if s.status != i.status {
			t.Errorf("%v, %s: %d, not %d: %.200s", a, i.name, s.status, i.status, s.body)
		}
		tell := tell
		if i.status == 0 {
			// Its own customer has the family name, too.
			tell = slices.DeleteFunc(i.about.told(i.about.word), func(s string) bool { return s == "" || s == "ovelace" })
		}
		if leak := s.tells(tell); leak != "" {
			t.Errorf("%v, %s: the answer tells %q: %.300s %v", a, i.name, leak, s.body, s.header)
		}
		if !s.equal(other) {
			t.Errorf("%v, %s: what is there is told from what is not: %d %.200s %v, and %d %.200s %v",
				a, i.name, s.status, s.body, s.header, other.status, other.body, other.header)
		}
	}
	return len(all)
}

// intruders are all who must not make the request.
func (w *world) intruders(a ask) []intruder {
	stranger := func(name, authorization string) intruder {
		return intruder{name, authorization, w.a, nobody, http.StatusUnauthorized}
	}
	all := []intruder{
		stranger("nobody", ""), stranger("no secret", "Bearer"), stranger("nonsense", "Bearer nonsense"),
		stranger("another scheme", "Basic "+w.a.secret), stranger("a secret with a wrong letter", "Bearer "+broken(w.a.secret)),
		stranger("half a secret", "Bearer "+w.a.secret[:len(w.a.secret)/2]), stranger("two secrets", "Bearer "+w.a.secret+", Bearer "+w.APIKey),
		stranger("a secret that was never made", "Bearer "+unmade(w.a.secret)),
	}
	if a.console {
		return append(all, stranger("a key of the REST API", "Bearer "+w.APIKey), stranger("a token of SCIM", "Bearer "+w.a.secret))
	}
	if !a.scim {
		all = append(all,
			stranger("a token of SCIM", "Bearer "+w.a.secret), stranger("a revoked key", "Bearer "+w.revokedKey),
			stranger("an expired key", "Bearer "+w.expiredKey), stranger("a key with a wrong letter", "Bearer "+broken(w.APIKey)))
		if a.route != nil {
			for scope, key := range w.scoped {
				if !slices.Contains(strings.Fields(scope), a.route.Scope) && !(scope == management.Manage && a.route.Scope == management.Read) {
					all = append(all, intruder{"a key with the scope " + scope, "Bearer " + key, w.a, nobody, http.StatusForbidden})
				}
			}
		}
		all = append(all, intruder{name: "a key that is bound to another organization", authorization: "Bearer " + w.nextBound(), about: w.a, unknown: nobody},
			intruder{name: "a key that is bound to another organization, about a paused directory", authorization: "Bearer " + w.nextBound(), about: w.paused, unknown: nobody})
		return all
	}
	all = append(all,
		stranger("a key of the REST API", "Bearer "+w.APIKey), stranger("a key that reads", "Bearer "+w.read),
		stranger("a revoked token", "Bearer "+w.a.revoked), stranger("an expired token", "Bearer "+w.a.expired),
		stranger("another directory's token", "Bearer "+w.b.secret), stranger("a paused directory's token", "Bearer "+w.paused.secret))
	turned := intruder{"its token on another directory", "Bearer " + w.a.secret, w.b, nobody, http.StatusUnauthorized}
	mixed := intruder{"another's ids in its directory while it is paused", "Bearer " + w.paused.secret,
		w.a.with("external_key", w.paused), nobody.with("external_key", w.paused), http.StatusForbidden}
	paused := intruder{"a paused directory's token in its directory", "Bearer " + w.paused.secret,
		w.paused, nobody.with("external_key", w.paused), http.StatusForbidden}
	return append(all, turned, mixed, paused)
}

// broken is a secret with another letter in the middle.
func broken(secret string) string {
	i := len(secret) / 2
	letter := byte('A')
	if secret[i] == letter {
		letter = 'B'
	}
	return secret[:i] + string(letter) + secret[i+1:]
}

// unmade is a secret that looks right, and was never made.
func unmade(secret string) string {
	const checksum = 6
	body := broken(secret[:len(secret)-checksum])
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body)))
	return body + base64.RawURLEncoding.EncodeToString(sum)
}

// tells is the first of the values that the answer holds.
func (s said) tells(values []string) string {
	head, _ := json.Marshal(s.header)
	for _, v := range values {
		if strings.Contains(s.body, v) || strings.Contains(string(head), v) {
			return v
		}
	}
	return ""
}

func (s said) equal(other said) bool {
	return s.status == other.status && s.body == other.body && maps.EqualFunc(s.header, other.header, slices.Equal)
}

func (s said) object(t *testing.T) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(s.body), &o); err != nil {
		t.Fatalf("%d %s: %v", s.status, s.body, err)
	}
	return o
}

// unchanged fails the test unless the table is as it was, but for what the
// paused directory notes for its admin, and what requests without a valid token leave
// for the admin of the directory of the path: records of these requests, and the
// record of findings.
func (w *world) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	own := "D#" + strings.TrimPrefix(w.paused.values["directory"], "directory_") + " "
	after := w.records(t)
	for key, was := range before {
		if is, there := after[key]; is != was && !noted(own, key) && !w.attributed(key, is) {
			t.Errorf("%s was changed (there: %v): %.300s, and now %.300s", key, there, was, is)
		}
	}
	for key, is := range after {
		if _, there := before[key]; !there && !noted(own, key) && !w.attributed(key, is) {
			t.Errorf("%s was written: %.300s", key, is)
		}
	}
}

// noted reports whether a record is of the requests of that directory.
func noted(directory, key string) bool {
	record, own := strings.CutPrefix(key, directory)
	return own && (strings.HasPrefix(record, "R#") || strings.HasPrefix(record, "S#"))
}

// attributed reports whether a record is of requests without a valid token to a
// directory: it has the code of a finding about a token, and nothing of the token or of
// another customer.
func (w *world) attributed(key, record string) bool {
	for _, o := range []owner{w.a, w.b, w.paused} {
		sort, own := strings.CutPrefix(key, "D#"+strings.TrimPrefix(o.values["directory"], "directory_")+" ")
		if !own {
			continue
		}
		var others []string
		for _, other := range []owner{w.a, w.b, w.paused} {
			others = append(others, other.secret, other.revoked, other.expired)
			if other.word != o.word {
				others = append(others, other.told(other.word)...)
			}
		}
		tells := slices.ContainsFunc(others, func(s string) bool { return s != "" && s != "ovelace" && strings.Contains(record, s) })
		return !tells && (sort == "S#~" || strings.HasPrefix(sort, "R#") && strings.Contains(record, "token_") && strings.Contains(record, "401"))
	}
	return false
}

// permitted makes the same requests with the right secrets: none is refused
// for who makes it, and the table does not stay as it was.
func (w *world) permitted(t *testing.T, everything []ask, before map[string]string) {
	t.Helper()
	for _, scim := range []bool{true, false} { // what is deleted is deleted last
		for _, a := range everything {
			if a.scim != scim || a.bare() || a.console {
				continue
			}
			authorization := "Bearer " + w.APIKey
			if a.scim {
				authorization = "Bearer " + w.a.secret
			}
			switch s := w.send(t, authorization, a, w.a); {
			case s.status == http.StatusUnauthorized, s.status == http.StatusForbidden, s.status >= 500 && s.status != http.StatusNotImplemented:
				t.Errorf("%v, with the right secret: %d %.200s", a, s.status, s.body)
			case a.route != nil && (s.status == http.StatusUnprocessableEntity || s.status == http.StatusBadRequest):
				t.Errorf("%v would have been refused anyway: %d %.200s", a, s.status, s.body)
			}
		}
	}
	if maps.Equal(before, w.records(t)) {
		t.Error("those who may have changed nothing, either")
	}
}
