package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	vmware "vbfs/hyper/vsphere"
	"vbfs/policy"
)

// An inventory is how machines are chosen by what the inventory of their hypervisor asks for, and what is written back there.
type inventory struct {
	attribute string   // custom attribute, category of tags, or attribute of the element in a domain's metadata; "" chooses nobody
	names     []string // NAME=VALUE
	due       bool     // leave out what has the points that it asks for
	zone      string
	result    string // attribute that says what became of the machine; "" or none is not said

	book   policy.Book
	clock  *time.Location
	unread []error // what of the inventory could not be read

	mu       sync.Mutex // of what follows, and held while a result is written
	refused  bool       // nothing may be written
	warnings []string   // of writing
}

// resultAttribute is where results go when nobody says.
const resultAttribute = "vbfs-last-backup"

func (v *inventory) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&v.attribute, "by-attribute", "", "of libvirt: or vsphere: the machines whose custom attribute `NAME` asks for a backup, or a tag of that category")
	f.StringArrayVar(&v.names, "policy", nil, "let attributes say NAME for a list of others, as gold=30D,12M: `NAME=VALUE`; may be given several times")
	f.BoolVar(&v.due, "due", false, "with --by-attribute, leave out machines that have a point of each of their periods already")
	f.StringVar(&v.zone, "time-zone", "UTC", "the `ZONE` in which days begin for --due, as Europe/Berlin")
	f.StringVar(&v.result, "result-attribute", resultAttribute, "with --by-attribute, write what became of a machine into its custom attribute `NAME`; none is nowhere")
	f.SetNormalizeFunc(timeZone("time-zone"))
}

// timeZone lets the flag be written either way.
func timeZone(name string) func(*pflag.FlagSet, string) pflag.NormalizedName {
	return func(_ *pflag.FlagSet, said string) pflag.NormalizedName {
		if said == "timezone" || said == "time-zone" {
			return pflag.NormalizedName(name)
		}
		return pflag.NormalizedName(said)
	}
}

// attributeName is what the name of an attribute of an element of XML may be, of the first 128 characters.
var attributeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (v *inventory) check(sources []source, tags []string) (err error) {
	if v.result == "none" {
		v.result = ""
	}
	if v.attribute == "" {
		if v.due || v.names != nil || v.zone != "UTC" || v.result != resultAttribute {
			return cli.Usage("--due, --policy, --time-zone and --result-attribute are for --by-attribute alone")
		}
		return nil
	}
	for _, s := range sources {
		if !s.names() {
			return cli.Usage("%s is in no inventory: --by-attribute is for libvirt: and vsphere:", s)
		}
		for _, name := range []string{v.attribute, v.result} {
			if s.host == "libvirt" && name != "" && (!attributeName.MatchString(name) || strings.HasPrefix(name, "xmlns")) {
				return cli.Usage("%q is no name for an attribute in a domain's metadata, which has letters, digits, - and _ alone", name)
			}
		}
	}
	if v.attribute == v.result {
		return cli.Usage("--result-attribute %s would overwrite what --by-attribute reads", v.result)
	}
	if recordedPolicy(tags) != "" {
		return cli.Usage("--tag %s… is what --by-attribute records", policyTag)
	}
	for _, n := range v.names {
		if err := v.book.Define(n); err != nil {
			return cli.Usage("--policy %w", err)
		}
	}
	if v.clock, err = time.LoadLocation(v.zone); err != nil {
		return cli.Usage("--time-zone: %v", err)
	}
	return nil
}

// An asked is what a machine's attribute asks for.
type asked struct {
	policy policy.Policy
	err    error // it is not understood
}

// ask reads the value of a machine's attribute. Nil is: it asks for nothing.
func (v *inventory) ask(value string) *asked {
	p, err := v.book.Parse(value)
	if err != nil {
		err = fmt.Errorf("attribute %s says %q: %w; all of its points are kept", v.attribute, value, err)
	}
	if !p.Asks() {
		return nil
	}
	return &asked{p, err}
}

// policy is what the machine's attribute asks for, as its point records it; "" is nothing.
func (m machine) policy() string {
	if m.whole == nil || m.whole.asks == nil {
		return ""
	}
	return m.whole.asks.policy.String()
}

// tags are those of a machine's point.
func (f *fleet) tagsOf(m *machine) []string {
	if p := m.policy(); p != "" {
		return append(slices.Clone(f.tags), policyTag+p)
	}
	return f.tags
}

// choose leaves of the machines of a run those that ask for a backup, and what a list names in vain.
func (b *backup) choose(ctx context.Context, all []source) (out []source, err error) {
	v := &b.whole.inventory
	if v.attribute == "" {
		return all, nil
	}
	values, err := b.values(ctx, all)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if s.asks = v.ask(values[i]); s.asks != nil || s.lost != nil {
			out = append(out, s)
		}
	}
	if out == nil {
		none := vmware.ErrNoMachine
		if all[0].host == "libvirt" {
			none = hyper.ErrNoDomain
		}
		return nil, fmt.Errorf("%w: of %d none asks for a backup by %s", none, len(all), v.attribute)
	}
	return out, nil
}

// values gives what machines ask for, in their order. A domain that cannot be asked is lost.
func (b *backup) values(ctx context.Context, all []source) ([]string, error) {
	v := &b.whole.inventory
	values := make([]string, len(all))
	var entries []vmware.Entry
	for i := range all {
		s := &all[i]
		switch {
		case s.lost != nil:
		case s.vm != nil:
			entries = append(entries, *s.vm)
		default:
			if values[i], s.lost = b.domainAsks(ctx, s); ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	if entries == nil {
		return values, nil
	}
	byRef, err := b.whole.vsphere.conn.Values(ctx, entries, v.attribute)
	if err != nil && byRef == nil {
		return nil, err
	}
	if err != nil {
		v.unread = append(v.unread, fmt.Errorf("machines that ask by a tag alone are left out: %w", err))
	}
	for i, s := range all {
		if s.vm != nil {
			values[i] = byRef[s.vm.Ref]
		}
	}
	return values, nil
}

// tellUnread tells what of the inventory could not be read, which makes the run's outcome partial.
func (b *backup) tellUnread(ctx context.Context) error {
	for _, err := range b.whole.inventory.unread {
		b.app.Tell(ctx, wayIn(err))
	}
	if b.whole.inventory.unread == nil {
		return nil
	}
	return cli.Told(cli.Partly)
}
