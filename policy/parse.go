package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vbfs/index/retention"
)

// A Book has names for policies, beside the words that are always known. The zero value has none.
type Book struct {
	names map[string]Policy // in lower case
}

// maxValue bounds what is read of an attribute, in bytes: vCenter's have no more than a few hundred.
const maxValue = 1024

// counted is a number of points of a period.
var counted = regexp.MustCompile(`^([0-9]{1,5})([hdwmqy])$`)

// named is what a name may look like: nothing that separates words, and no number in front.
var named = regexp.MustCompile(`^[\pL_][\pL\pN_.-]*$`)

// Parse reads what an attribute says. An error is ErrValue; the policy is Always then.
func (b Book) Parse(value string) (p Policy, err error) {
	if len(value) > maxValue {
		return Always, fmt.Errorf("%d bytes: %w", len(value), ErrValue)
	}
	words := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return strings.ContainsRune(" \t\r\n\u00a0,;", r) })
	not := 0
	for _, w := range words {
		q, ok := b.word(w)
		if !ok {
			return Always, fmt.Errorf("%q: %w: say 7D 4W 12M 4Q 3Y, daily, weekly, monthly, quarterly, yearly, yes or none%s", w, ErrValue, b.others())
		}
		if !q.asks {
			not++
		}
		p = p.and(q)
	}
	if not > 0 && p.asks {
		return Always, fmt.Errorf("%w: it says both that there is to be a backup and that there is none", ErrValue)
	}
	return p, nil
}

// word reads one word, in lower case. Names of the book go first.
func (b Book) word(w string) (Policy, bool) {
	if p, ok := b.names[w]; ok {
		return p, true
	}
	if n := counted.FindStringSubmatch(w); n != nil {
		count, _ := strconv.Atoi(n[1]) // five digits
		return of(strings.ToUpper(n[2]), count), count > 0
	}
	for _, period := range retention.Periods() {
		if w == period.String() {
			return of(letter(period), retention.All), true
		}
	}
	switch w {
	case "yes", "on":
		return Always, true
	case "none", "no", "off":
		return Policy{}, true
	}
	return Policy{}, false
}

// of is the policy of one period.
func of(by string, count int) (p Policy) {
	for _, period := range retention.Periods() {
		if letter(period) == by {
			p.asks, p.counts[period] = true, count
		}
	}
	return p
}

// others lists the book's own names.
func (b Book) others() string {
	if len(b.names) == 0 {
		return ""
	}
	return ", or " + strings.Join(slices.Sorted(maps.Keys(b.names)), ", ")
}

// Define adds NAME=VALUE. A value may use names that are there; a name that is there, or one of the words always known, means what
// was said last.
func (b *Book) Define(definition string) error {
	name, value, ok := strings.Cut(definition, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	if !ok || !named.MatchString(name) {
		return fmt.Errorf("%q: %w: say NAME=VALUE, as gold=30D,12M", definition, ErrValue)
	}
	p, err := b.Parse(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	names := maps.Clone(b.names)
	if names == nil {
		names = map[string]Policy{}
	}
	names[name], b.names = p, names
	return nil
}
