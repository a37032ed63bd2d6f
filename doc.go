// Package vbfs is the root of a backup system for virtual machines. It holds no code; this is the map.
//
//	cmd/vbackup   capture, list, restore, verify, collect    cmd/vbfs   mount, serve
//	      |  \__________________________________________________/ |
//	   ingest            restore           fs         nbdsrv              only cmd wires
//	      |                 |               |            |
//	 ingest/libvirt    restore/libvirt   guest/part   nbdsrv/proto        one package for each source and target
//	 ingest/qmp        restore/vsphere
//	 ingest/vsphere    restore/vmware
//	 ingest/ghettovcb  restore/vmdk  /image  /raw  /device  /nbd
//	 ingest/virtnbd    restore/machine      what restores of whole machines share
//	 ingest/file       restore/translate    a machine's hardware in another hypervisor's words, pure
//	 ingest/nbd             |
//	      |                 |
//	      |            hyper/libvirt  hyper/vsphere  hyper/qmp  hyper/qemu   control of hypervisors and of QEMU's tools
//	      |            hyper/vmx                      VMware's configuration file, pure
//	      |            libnbd/conn, libnbd            NBD servers, by the only package that needs C
//	    index          Writer in, Image out
//	      |
//	 imagemap  pack  table  seal  lru                 siblings, which never meet but for pack and seal
//	      |
//	   object          the storage: five verbs
//	   format          every structure stored, pure
//	   policy          what an inventory asks for, pure
//	   retention       which points are kept, pure
//	   block           arithmetic of 64 KiB blocks, pure
//
// Read first, in this order: ingest/source.go (what a disk is captured from), ingest/machine.go (and a machine), ingest/read.go (the way in),
// index/worker.go (what becomes of a block), index/commit.go (when a point exists), index/image.go and index/fetch.go (the
// way out), index/prune.go (what goes, beside all of it; why it is safe is in index/doc.go), FORMAT.md (what lies on disk).
// Packages acceptance and torture hold tests alone: the programs from outside, and what breaks them.
package vbfs
