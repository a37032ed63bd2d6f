package main

import (
	"context"
	"errors"
	"path"

	"vbfs/cmd/internal/cli"
	vmware "vbfs/hyper/vsphere"
)

// ofVMware finds machines, but for those that are left out.
func (w *wholeness) ofVMware(ctx context.Context, app *cli.App, wants []wanted) (out []source, err error) {
	without, err := w.vsphere.excluded(ctx, app, w.without)
	if err != nil {
		return nil, err
	}
	for _, want := range wants {
		found, err := w.vsphere.find(ctx, app, want.pattern)
		if errors.Is(err, vmware.ErrNoMachine) || errors.Is(err, vmware.ErrNoTag) || errors.Is(err, path.ErrBadPattern) {
			lost, err := want.lose("vsphere", err)
			if err != nil {
				return nil, err
			}
			out = append(out, lost...)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if !without[e.Ref] {
				out = append(out, source{host: "vsphere", name: e.Path, vm: &e})
			}
		}
	}
	return out, nil
}

// excluded gives the machines that patterns name. That one names none is no matter: it may later.
func (v *vsphereServer) excluded(ctx context.Context, app *cli.App, patterns []string) (map[vmware.Ref]bool, error) {
	out := map[vmware.Ref]bool{}
	for _, p := range patterns {
		found, err := v.find(ctx, app, p)
		if errors.Is(err, path.ErrBadPattern) {
			return nil, cli.Usage("--exclude-machine: %w", err)
		}
		if err != nil && !errors.Is(err, vmware.ErrNoMachine) && !errors.Is(err, vmware.ErrNoTag) {
			return nil, err
		}
		for _, e := range found {
			out[e.Ref] = true
		}
	}
	return out, nil
}
