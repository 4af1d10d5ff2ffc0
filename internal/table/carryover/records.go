package carryover

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// revokeAndRaise compares the tokens, API keys, directories, users and groups of
// the restored table with those of the old one.
func (r *run) revokeAndRaise(ctx context.Context) error {
	return r.pages(ctx, r.options.To, []string{table.TokenPrefix, table.APIKeyPrefix, table.DirectoryPrefix}, func(items []item) error {
		items = slices.DeleteFunc(items, func(i item) bool { return !compared(keyOf(i)) })
		old, err := r.get(ctx, r.options.From, items)
		if err != nil {
			return err
		}
		for _, i := range items {
			k := keyOf(i)
			if strings.HasPrefix(k.pk, table.DirectoryPrefix) {
				err = r.raise(ctx, k, old[k], i)
			} else {
				err = r.revoke(ctx, k, old[k], i)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// compared reports whether a record is compared: all but the memberships, claims
// and requests of directories.
func compared(k key) bool {
	return !strings.HasPrefix(k.pk, table.DirectoryPrefix) || isDirectory(k) || isResource(k)
}

func isDirectory(k key) bool { return k.sk == table.DirectorySort }

func isResource(k key) bool {
	return strings.HasPrefix(k.sk, string(table.User)+"#") || strings.HasPrefix(k.sk, string(table.Group)+"#")
}

// revoke revokes a token or an API key that is not valid in the old table.
func (r *run) revoke(ctx context.Context, k key, old, restored item) error {
	if truth(restored["revoked"]) || old != nil && !truth(old["revoked"]) {
		return nil
	}
	r.report.Revoked++
	if !r.options.Apply {
		return nil
	}
	set := item{"revoked": &types.AttributeValueMemberBOOL{Value: true}, "ttl": old["ttl"]}
	if set["ttl"] == nil {
		set["ttl"] = integer(r.options.Now().Add(table.DeletedRetention).Unix())
	}
	return r.update(ctx, k, set, nil, "attribute_exists(pk)", item{})
}

// raise gives a directory, user or group the version that it has in the old
// table.
func (r *run) raise(ctx context.Context, k key, old, restored item) error {
	set, remove := item{}, []string{}
	version, generation := number(restored["v"]), number(restored["life"])
	next, life := max(version, number(old["v"])), max(generation, number(old["life"]))
	revived := isResource(k) && !truth(restored["deleted"]) && (old == nil || truth(old["deleted"]))
	switch {
	case old == nil && version < lostVersions: // else an earlier run has done this
		next = version + lostVersions
		life++
	case old != nil && revived:
		life = max(generation, number(old["life"])+1)
	}
	if next > version {
		set["v"] = integer(next)
		r.report.Versions++
		if revived {
			r.report.Revived++
		}
	}
	if isResource(k) && life > generation {
		// Without the time of its beginning, the generation counts as announced.
		set["life"], remove = integer(life), []string{"since"}
	}
	if isDirectory(k) {
		if tokens, changed := commonTokens(old, restored); changed {
			set["tokens"] = tokens
		}
	}
	if len(set) == 0 || !r.options.Apply {
		return nil
	}
	err := r.update(ctx, k, set, remove, "v = :v", item{":v": integer(version)})
	if _, changed := errors.AsType[*types.ConditionalCheckFailedException](err); changed {
		return errors.New("a function writes to the restored table: stop it, and run again")
	}
	return err
}

// commonTokens returns the tokens of a restored directory that the old one lists,
// too. A directory that is gone lists none.
func commonTokens(old, restored item) (tokens *types.AttributeValueMemberL, changed bool) {
	valid := map[string]bool{}
	for _, token := range list(old["tokens"]) {
		valid[hashOf(token)] = true
	}
	before := list(restored["tokens"])
	tokens = &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, token := range before {
		if valid[hashOf(token)] {
			tokens.Value = append(tokens.Value, token)
		}
	}
	return tokens, len(tokens.Value) != len(before)
}

func hashOf(token types.AttributeValue) string {
	if m, ok := token.(*types.AttributeValueMemberM); ok {
		return str(m.Value["hash"])
	}
	return ""
}

// Values of attributes. Those of another type are the zero value.

func list(v types.AttributeValue) []types.AttributeValue {
	if l, ok := v.(*types.AttributeValueMemberL); ok {
		return l.Value
	}
	return nil
}

func truth(v types.AttributeValue) bool {
	b, ok := v.(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

func str(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number(v types.AttributeValue) int64 {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		value, _ := strconv.ParseInt(n.Value, 10, 64)
		return value
	}
	return 0
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func integer(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
