// Package fs presents a repository as a read-only file system through FUSE.
//
//	/by-date/2026-11-20/20-03-27Z/web01 -> ../../../machines/web01/2026-11-20T20-03-27Z
//	/machines/web01/
//	   latest -> 2026-11-20T20-03-27Z      the newest complete point
//	   2026-11-20T20-03-27Z/
//	      point.json                       what is known of the point
//	      config/…                         the machine's configuration, as recorded
//	      disks/vda.raw                    the disk: sparse, mtime is the point's time
//	      disks/vda.vmdk                   a descriptor that makes vda.raw a disk for VMware's tools
//	      partitions/vda1.raw              each partition as an image of its own
//
// # Words
//
// A node is what the kernel knows by a number: a directory, a file or a link. A folder is what a directory shows, a file
// what a regular file holds. A listing is the points as they were at one instant, sorted into folders. A window is a run
// of bytes of an image: all of it, or a partition.
//
//	kernel -> node -> folder ──> listing ──────> index.Repository.Points     names; at most once a second
//	               └> file  ──> window ──> index.Image.ReadAt                bytes; never change
//
// # Invariants
//
// A failed read is an error, never zeros; errno.go is the only place where errors become numbers.
//
// A point never changes, so the kernel may keep what it has heard of one for ever. What comes from a listing it may keep
// until that listing expires, a second after it was made: a new point shows, and a forgotten one goes, within that second.
// Listings are made on request only: an idle mount does nothing.
//
// Two machines of one name share a folder. When two points there have one name, too, the later listed one is called
// NAME~ID; no point is hidden and none is called latest.
//
// Nodes are made on lookup and forgotten when the kernel forgets them, and hold nothing but the summaries that the
// repository keeps anyhow. Manifests in use are kept in a small LRU cache. An open file keeps its image: a point that is
// forgotten stays readable for who has it open, as long as its packs are there.
//
// Nothing can be written: the mount is read-only, and nodes refuse by themselves when someone remounts it otherwise.
//
// Numbers of nodes are hashes of what the nodes are: the same in every mount.
package fs
