package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
)

// ofLibvirt finds domains, but for those that are left out.
func (w *wholeness) ofLibvirt(ctx context.Context, wants []wanted) (out []source, err error) {
	conn, err := w.libvirt(ctx)
	if err != nil {
		return nil, err
	}
	domains, err := conn.Domains(ctx)
	if err != nil {
		return nil, err
	}
	if len(domains) == 0 {
		return nil, cli.Usage("there is no domain on %s", conn.URI())
	}
	for _, want := range wants {
		found := findDomains(domains, want.pattern)
		if found == nil {
			lost, err := want.lose("libvirt", fmt.Errorf("%w: %s", hyper.ErrNoDomain, want.pattern))
			if err != nil {
				return nil, err
			}
			out = append(out, lost...)
		}
		for _, d := range found {
			if !slices.ContainsFunc(w.without, func(p string) bool { return findDomains([]*hyper.Domain{d}, p) != nil }) {
				out = append(out, source{host: "libvirt", name: d.Name()})
			}
		}
	}
	return out, nil
}

// findDomains gives the domain of a name or UUID, else those whose names fit a pattern with * ? [.
func findDomains(all []*hyper.Domain, pattern string) (out []*hyper.Domain) {
	for _, d := range all {
		if d.Name() == pattern || strings.EqualFold(d.UUID(), pattern) {
			return []*hyper.Domain{d}
		}
	}
	for _, d := range all {
		if ok, err := path.Match(pattern, d.Name()); ok && err == nil {
			out = append(out, d)
		}
	}
	return out
}
