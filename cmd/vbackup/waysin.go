package main

import (
	"errors"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	monitor "vbfs/hyper/qmp"
	vmware "vbfs/hyper/vsphere"
	"vbfs/ingest/libvirt"
	"vbfs/ingest/qmp"
	"vbfs/ingest/vsphere"
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
	{libvirt.ErrIOThreads, cli.Failed, "shut the machine down for its backup, take the iothreads out of its definition, or use a newer QEMU"},
	{monitor.ErrBusy, cli.Locked, "try again when that has ended"},
	{qmp.ErrServer, cli.Locked, "try again when that has ended"},
	{libvirt.ErrScratch, cli.Failed, "make room there, or name another directory with --scratch: nothing is lost"},
	{libvirt.ErrConsistency, cli.Failed, "see to the guest's agent, or be content with less than --require-consistency asks"},
	{libvirt.ErrRights, cli.Failed, "run as root"},
	{vmware.ErrThumbprint, cli.Failed, "if the server's certificate was renewed on purpose, give its new thumbprint with --thumbprint; else somebody stands between"},
	{vmware.ErrCertificate, cli.Failed, "if the server's own console shows that thumbprint, give it with --thumbprint; or name its authority's certificate with --cacert"},
	{vmware.ErrUnreachable, cli.Failed, "see that --server is right, and that it can be reached on port 443 from here"},
	{vmware.ErrLogin, cli.NoPassword, "see that --user is right, and the password: " + cli.ServerPasswordHint},
	{vmware.ErrPrivilege, cli.Failed, "give the account a role with these privileges, on the machine, its datastores, and what they stand in"},
	{vmware.ErrNoMachine, cli.NotFound, "list what there is with: vbackup vsphere ls"},
	{vmware.ErrNoAttribute, cli.NotFound, "make a custom attribute of that name in the vSphere client, or a category with tags, and set it on the machines that are to be backed up"},
	{vmware.ErrTags, cli.Failed, "see that the account may read tags, and that vCenter's services run"},
	{vmware.ErrAmbiguous, cli.Failed, "name one by its path or instance UUID, which are listed by: vbackup vsphere ls"},
	{vmware.ErrNoTag, cli.NotFound, "see in the vSphere client that the tag is called so, and that the account may see it"},
	{vmware.ErrAmbiguousTag, cli.Failed, "name its category, too, as in vsphere:tag:CATEGORY/NAME"},
	{vmware.ErrNoNBDKit, cli.Failed, "install nbdkit and its vddk plugin (nbdkit-vddk-plugin, nbdkit-plugin-vddk; --vddk-plugin names one elsewhere), or take --transport https"},
	{vmware.ErrNoVDDK, cli.Failed, "unpack VMware's VDDK and name its directory with --vddk-libdir, or take --transport https"},
	{vmware.ErrSnapshots, cli.Failed, "remove the snapshots in the vSphere client, and try again"},
	{vmware.ErrUntracked, cli.Failed, "leave it as it is: without tracking, backups read everything"},
	{vmware.ErrLicense, cli.Failed, "a host with a free licence has no backup interface: use one with a licence"},
	{vsphere.ErrBusy, cli.Locked, "try again when that has ended"},
	{vmware.ErrBusy, cli.Locked, "try again when that has ended"},
	{vmware.ErrQuiesce, cli.Failed, "see to VMware Tools in the guest, or be content with less than --require-consistency asks"},
	{vsphere.ErrNotHeld, cli.Failed, "back the machine up again when that program is at rest"},
	{vmware.ErrSpace, cli.Failed, "make room there: a snapshot needs it for what is written meanwhile"},
	{vsphere.ErrScratch, cli.Failed, "make room there, or name another directory with --scratch: nothing is lost"},
	{vsphere.ErrConsistency, cli.Failed, "see to VMware Tools in the guest, or be content with less than --require-consistency asks"},
	{vsphere.ErrUnfit, cli.Failed, "see to that in the vSphere client, or leave the machine out"},
	{vsphere.ErrTransport, cli.Failed, "take another --transport: vddk reads all disks, nfc whole ones"},
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
