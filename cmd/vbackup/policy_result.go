package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	hyper "vbfs/hyper/libvirt"
	vmware "vbfs/hyper/vsphere"
)

// writeTime bounds what writing a result may take: the backup is there already.
const writeTime = 30 * time.Second

// maxResult bounds a result, in bytes: what vCenter is sure to take.
const maxResult = 250

// writeBack writes what became of a machine into the inventory. That it cannot is a warning: the backup is what it is. What an account may
// not do, and what takes too long, is tried once in a run.
func (f *fleet) writeBack(ctx context.Context, o *outcome) {
	m, v := o.machine, &f.whole.inventory
	if m.policy() == "" || v.result == "" || ctx.Err() != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refused {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	err := f.write(ctx, m, resultText(o))
	if err == nil {
		return
	}
	v.refused = errors.Is(err, vmware.ErrPrivilege) || errors.Is(err, hyper.ErrDenied) || ctx.Err() != nil
	warning := fmt.Sprintf("%s: what became of it is not written to %s: %s", m, v.result, oneLine(err.Error()))
	if v.refused {
		warning += "; nor is that of the others: --result-attribute none leaves it out"
	}
	f.app.Warn("%s", warning)
	v.warnings = append(v.warnings, warning)
}

func (f *fleet) write(ctx context.Context, m machine, text string) error {
	if m.whole.vm == nil {
		return f.writeToDomain(ctx, m.whole.name, text)
	}
	return f.whole.vsphere.conn.SetAttributes(ctx, m.whole.vm.Ref, map[string]string{f.whole.inventory.result: text})
}

// resultText is what became of a machine, in a line: ok 2026-11-20T20:05:11Z point 2026-11-20T20-03-27Z inc.
func resultText(o *outcome) string {
	r := reported(o)
	words := []string{r.Result, o.start.Add(o.took).UTC().Format(time.RFC3339)}
	if o.point != nil {
		words = append(words, "point", o.point.Name, o.point.Done)
	}
	text := strings.Join(words, " ")
	if why := r.Why(); why != "" {
		text += ": " + why
	}
	return shorten(text, maxResult)
}

// shorten cuts a text between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	cut := n - len(dots)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + dots
}
