package policy

import (
	"strconv"
	"strings"

	"vbfs/index/retention"
)

// A Policy is what is asked for of a machine. The zero value asks for nothing.
type Policy struct {
	asks   bool
	counts [retention.Year + 1]int // points to keep by period, retention.All without bound
}

// Always asks for a backup by each run, of which nothing goes.
var Always = Policy{asks: true}

// Asks tells whether the machine is backed up at all.
func (p Policy) Asks() bool { return p.asks }

// Rules says what of the machine's points is kept, by a calendar that the caller sets. Each rule begins where the finer ones end: their
// numbers add up.
func (p Policy) Rules() retention.Policy {
	r := retention.Policy{Further: true}
	for _, period := range retention.Periods() {
		*r.Count(period) = p.counts[period]
	}
	return r
}

// String is the policy as points record it: 7D 4W, daily 12M, yes, or none.
func (p Policy) String() string {
	var words []string
	for _, period := range retention.Periods() {
		switch n := p.counts[period]; {
		case n == retention.All:
			words = append(words, period.String())
		case n > 0:
			words = append(words, strconv.Itoa(n)+letter(period))
		}
	}
	switch {
	case !p.asks:
		return "none"
	case words == nil:
		return "yes"
	}
	return strings.Join(words, " ")
}

// letter is a period's: D of daily.
func letter(p retention.Period) string { return strings.ToUpper(p.String()[:1]) }

// and joins two policies into one that keeps what either does.
func (p Policy) and(q Policy) Policy {
	p.asks = p.asks || q.asks
	for i, n := range q.counts {
		switch {
		case n == retention.All || p.counts[i] == retention.All:
			p.counts[i] = retention.All
		default:
			p.counts[i] = max(p.counts[i], n)
		}
	}
	return p
}
