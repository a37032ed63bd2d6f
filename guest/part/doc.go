// Package part reads partition tables, and only reads: GPT, and MBR with extended and logical partitions.
//
// # Words
//
// A sector is what the table counts in: 512 or 4096 bytes. A partition's number is the one that Linux gives it: its slot in
// the table, counted from 1; logical partitions of an MBR are numbered from 5 in the order of their chain. An extended
// partition is a container for logical ones and is listed too, as by sfdisk and partx.
//
//	MBR   sector 0: four slots             extended ──> EBR: a logical partition, and where the next EBR is ──> EBR ...
//	GPT   sector 0: MBR with one slot 0xEE   sector 1: header ──> entries        last sector: backup header ──> its entries
//
// # Invariants
//
//   - Disks are hostile: every number is checked against the disk's end before it is used, tables and chains are bounded,
//     and what does not add up is an error that says where, or no table. Nothing is guessed.
//   - Every partition of a Table lies inside the disk, has at least one sector, and overlaps no other but the extended
//     one that contains it.
//   - A GPT counts only when the checksums of its header and entries are right; the backup stands in for a bad primary.
//   - A file system on the whole disk has a boot sector with the same signature as an MBR: that is no table.
//
// Tables whose partitions overlap on purpose (some hybrid CD images) are refused for it.
package part
