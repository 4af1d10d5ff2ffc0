package entra

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"
	"unicode"
)

var (
	givenNames = []string{
		"Ada", "Grace", "Zoë", "Łukasz", "Sinéad", "Katherine", "Barbara", "Radia",
		"Edsger", "Mary", "Donald", "Frances", "Ken", "Margaret", "Tony", "Jürgen",
	}
	familyNames = []string{
		"Lovelace", "Hopper", "O'Brien", "Kowalski", "Johnson", "Liskov", "Perlman", "van Dijk",
		"Lamport", "Allen", "Thompson", "Hamilton", "Núñez", "Müller", "Jackson", "Okafor",
	}
	departments = []string{"Research & Development", "Sales", "Finance", "Überseehandel", "Legal", "Support"}
	titles      = []string{"Engineer", "Director", "Analyst", "Team Lead", "Counsel", "Architect"}
	teams       = []string{"All Hands", "R&D", "Finance + Audit", "Field Sales (EMEA)", "On-Call 24/7", "Board \"A\""}
)

// people generates the users and groups of the tenant. tag is unique to the run
// and part of every userName and group name.
type people struct {
	tag    string
	random *mathrand.Rand
	made   int
}

func newPeople(seed uint64) *people {
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	return &people{tag: guid()[:8], random: mathrand.New(mathrand.NewPCG(seed, 0))}
}

// user generates a user that is not provisioned yet.
func (p *people) user(d dialect) *user {
	given, family := p.pick(givenNames), p.pick(familyNames)
	full := given + " " + family
	name := p.address(given, family)
	return &user{dialect: d, values: values{
		externalIDPath:  guid(),
		userNamePath:    name,
		activePath:      true,
		displayNamePath: full,
		givenNamePath:   given,
		familyNamePath:  family,
		formattedPath:   full,
		titlePath:       p.pick(titles),
		workMailPath:    name,
		departmentPath:  p.pick(departments),
		numberPath:      fmt.Sprintf("E%06d", p.random.IntN(1_000_000)),
	}}
}

// group generates a group without members.
func (p *people) group(d dialect) *group {
	return &group{externalID: guid(), dialect: d, name: p.team(), members: map[*user]bool{}}
}

func (p *people) team() string {
	p.made++
	return fmt.Sprintf("%s %s-%d", p.pick(teams), p.tag, p.made)
}

// address generates a new userName. It keeps apostrophes, which occur in real
// userNames.
func (p *people) address(given, family string) string {
	p.made++
	keep := func(r rune) rune {
		if r == '\'' || r < unicode.MaxASCII && unicode.IsLetter(r) {
			return r
		}
		return -1
	}
	local := strings.Map(keep, given) + "." + strings.Map(keep, family)
	return fmt.Sprintf("%s.%s-%d@contoso.example", local, p.tag, p.made)
}

func (p *people) phone() string { return fmt.Sprintf("+1 425 555 %04d", p.random.IntN(10_000)) }

func (p *people) pick(from []string) string { return from[p.random.IntN(len(from))] }

// other picks a value other than the current one from a list.
func (p *people) other(from []string, than string) string {
	for {
		if s := p.pick(from); s != than {
			return s
		}
	}
}

func (p *people) pause(most time.Duration) time.Duration {
	return time.Duration(p.random.Int64N(int64(most)))
}

// guid returns a random GUID, the format of object ids in Entra.
func guid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
