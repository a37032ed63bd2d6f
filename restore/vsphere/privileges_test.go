package vsphere

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page of privileges lists what a restore asks for before it makes a machine.
func TestPrivilegesPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/vsphere-privileges.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| asked for | on | privileges |")
	table, _, ok := strings.Cut(table, "\n\n")
	if !ok {
		t.Fatal("the page has no such table")
	}
	got := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1)
	want := slices.Concat(inFolder, inPool, inStore)
	if !slices.EqualFunc(got, want, func(g []string, w string) bool { return g[1] == w }) {
		t.Errorf("the page has %q, asked for are %q", got, want)
	}
}
