package main

import (
	"errors"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	monitor "vbfs/hyper/qmp"
	"vbfs/ingest/libvirt"
	"vbfs/ingest/qmp"
)

// waysIn are the ways out of what keeps a machine's hypervisor from us, with the exit code.
var waysIn = []struct {
	err  error
	code int
	hint string
}{
	{hyper.ErrNoDomain, cli.NotFound, "list what there is with: vbackup libvirt ls"},
	{hyper.ErrNoSocket, cli.Failed, "start libvirtd there, or name another one with --connect"},
	{hyper.ErrDenied, cli.Failed, "run as root or in the group libvirt, or name an account that may with --connect"},
	{hyper.ErrCertificate, cli.Failed, "see virt-pki-validate(1); --connect 'qemu+tls://HOST/system?pkipath=DIR' names the certificates"},
	{hyper.ErrHostKey, cli.Failed, "look at the host's key with ssh and accept it there first"},
	{monitor.ErrNoSocket, cli.NotFound, "start the machine with -qmp unix:PATH,server=on,wait=off, and name that PATH"},
	{monitor.ErrDenied, cli.Failed, "run as root, or as the user that QEMU runs as"},
	{qmp.ErrUnderWay, cli.Locked, "try again when that has ended"},
	{qmp.ErrScratch, cli.Failed, "name another directory with --scratch: nothing is lost"},
	{libvirt.ErrBusy, cli.Locked, "try again when that has ended"},
	{libvirt.ErrScratch, cli.Failed, "make room there, or name another directory with --scratch: nothing is lost"},
	{libvirt.ErrConsistency, cli.Failed, "see to the guest's agent, or be content with less than --require-consistency asks"},
	{libvirt.ErrRights, cli.Failed, "run as root"},
}

// wayIn says what to do about an error of a hypervisor.
func wayIn(err error) error {
	for _, w := range waysIn {
		if errors.Is(err, w.err) {
			return cli.Exit(err, w.code, w.hint)
		}
	}
	return err
}
