package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index/retention"
	"vbfs/policy"
)

// policyTag is the tag in which a point records the policy of its machine.
const policyTag = "policy="

// byPolicy judges machines by the policies that their points record, and by rules that are a floor for all of them.
type byPolicy struct {
	floor retention.Policy
	now   time.Time
}

// plan judges a machine. The policy of its newest good point is the one: junk, and points of the future, do not say what is kept.
func (b byPolicy) plan(points []*judgedPoint) error {
	rules, value, err := b.recorded(points)
	verdicts := rules.Plan(bare(points), b.now) // all are kept without any rule
	switch {
	case value == "" && !b.floor.Empty():
		verdicts = b.floor.Plan(bare(points), b.now)
	case value == "":
		verdicts = kept(verdicts, "no policy")
	case err != nil:
		verdicts = kept(verdicts, "a policy that is not understood")
	case !b.floor.Empty():
		verdicts = either(verdicts, b.floor.Plan(bare(points), b.now))
	}
	for i, v := range verdicts {
		points[i].Verdict, points[i].policy = v, value
	}
	return err
}

// recorded gives the rules of a machine, which keep all when nothing, or nothing that is understood, is recorded.
func (b byPolicy) recorded(points []*judgedPoint) (retention.Policy, string, error) {
	var newest *judgedPoint
	for _, p := range points {
		if p.is.Failed || p.is.Damaged || p.is.Flagged || p.is.Time.After(b.now) || recordedPolicy(p.Tags) == "" {
			continue
		}
		if newest == nil || !p.is.Time.Before(newest.is.Time) {
			newest = p
		}
	}
	if newest == nil {
		return retention.Policy{}, "", nil
	}
	value := recordedPolicy(newest.Tags)
	p, err := policy.Book{}.Parse(value)
	if err != nil {
		return retention.Policy{}, value, fmt.Errorf("%s@%s: all points are kept: tag %s%s: %w", newest.MachineName, newest.Name, policyTag, value, err)
	}
	rules := p.Rules()
	rules.Location, rules.RequireVerified, rules.AllowEmpty = b.floor.Location, b.floor.RequireVerified, b.floor.AllowEmpty
	return rules, p.String(), nil
}

// recordedPolicy finds the policy among a point's tags.
func recordedPolicy(tags []string) string {
	for _, t := range slices.Backward(tags) {
		if value, ok := strings.CutPrefix(t, policyTag); ok {
			return value
		}
	}
	return ""
}

func kept(verdicts []retention.Verdict, why string) []retention.Verdict {
	for i := range verdicts {
		verdicts[i] = retention.Verdict{Keep: true, Reasons: []string{why}}
	}
	return verdicts
}

// either keeps what one of two judgements keeps.
func either(a, b []retention.Verdict) (out []retention.Verdict) {
	for i := range a {
		switch {
		case a[i].Keep == b[i].Keep:
			reasons := append(slices.Clone(a[i].Reasons), b[i].Reasons...)
			slices.Sort(reasons)
			out = append(out, retention.Verdict{Keep: a[i].Keep, Reasons: slices.Compact(reasons)})
		case a[i].Keep:
			out = append(out, a[i])
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// tellUnread tells which policies are not understood.
func (f *forgetting) tellUnread(ctx context.Context, j *judged) error {
	for _, err := range j.unread {
		f.app.Tell(ctx, cli.Hint(err, "a point with a tag that is understood takes its place: back the machine up again"))
	}
	if j.unread == nil {
		return nil
	}
	return cli.Told(cli.Partly)
}
