package main

import (
	"errors"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
)

// waysIn are the ways out of what keeps libvirt from us.
var waysIn = []struct {
	err  error
	hint string
}{
	{hyper.ErrNoSocket, "start libvirtd there, or name another one with --connect"},
	{hyper.ErrDenied, "run as root or in the group libvirt, or name an account that may with --connect"},
	{hyper.ErrCertificate, "see virt-pki-validate(1); --connect 'qemu+tls://HOST/system?pkipath=DIR' names the certificates"},
	{hyper.ErrHostKey, "look at the host's key with ssh and accept it there first"},
	{hyper.ErrNoAgent, "start qemu-guest-agent in the guest, or be content with less than --require-consistency asks"},
	{hyper.ErrNoCheckpoint, "list them with: vbackup libvirt checkpoints DOMAIN"},
}

// wayIn says what to do about an error of libvirt.
func wayIn(err error) error {
	if errors.Is(err, hyper.ErrNoDomain) {
		return cli.Missing(err, "list what there is with: vbackup libvirt ls")
	}
	for _, w := range waysIn {
		if errors.Is(err, w.err) {
			return cli.Hint(err, "%s", w.hint)
		}
	}
	return err
}
