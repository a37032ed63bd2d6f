package main

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
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

// attributeName is what an attribute of an element of XML may be called, in ASCII.
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
