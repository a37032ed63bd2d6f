package main

import (
	"context"
	"errors"

	hyper "vbfs/hyper/vsphere"
	"vbfs/index"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
)

// profileVSphere captures a machine by ranges. The double of the vCenter is in the profile, too: it is in this process.
func (l *lab) profileVSphere(ctx context.Context, start func() error) (err error) {
	v, err := l.vcenter(l.vmwareSize())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	dir, err := l.initRepo(ctx, "none")
	if err != nil {
		return err
	}
	conn, err := hyper.Login(ctx, hyper.Server{Host: v.h.URL().Host, User: v.h.User(), Password: v.h.Password(), Thumbprint: v.h.Thumbprint()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return within(ctx, dir, func(repo *index.Repository) error {
		if err := start(); err != nil {
			return err
		}
		src := vsphere.New(conn, v.m.Ref(), vsphere.Options{Transport: vsphere.HTTPS})
		_, err := ingest.Run(ctx, repo, ingest.Options{Machine: machine, Source: src})
		return err
	})
}
