package part

import "fmt"

// chainMax is how many links a chain of logical partitions may have: Linux gives a disk at most 256 partitions.
const chainMax = 256

// readChain reads the logical partitions of an extended one. Each link (EBR) has a slot for a partition, counted from the
// link, and one for the next link, counted from the extended partition. A chain that runs in circles ends at
// chainMax at the latest, and is refused where it comes back to a link.
func readChain(d disk, ext Partition, number int) ([]Partition, error) {
	base := uint64(ext.Start / d.sector)
	end := base + uint64(ext.Length/d.sector)
	seen := map[uint64]bool{}
	var parts []Partition
	for lba, more := base, true; more; {
		if seen[lba] || len(seen) == chainMax {
			return nil, fmt.Errorf("%w: the chain of logical partitions does not end (sector %d)", ErrInvalid, lba)
		}
		seen[lba] = true
		slots, ok, err := readLink(d, lba)
		if err != nil {
			return nil, err
		}
		if !ok && lba == base {
			return nil, nil // an extended partition in which nothing was ever made
		}
		if !ok {
			return nil, fmt.Errorf("%w: the chain of logical partitions breaks at sector %d", ErrInvalid, lba)
		}
		if parts, err = addLogical(d, parts, slots, lba, end, number); err != nil {
			return nil, err
		}
		lba, more = nextLink(slots, base)
		if more && lba >= end {
			return nil, fmt.Errorf("%w: the chain of logical partitions leaves the extended one (sector %d)", ErrInvalid, lba)
		}
	}
	return parts, nil
}

func readLink(d disk, lba uint64) ([4]slot, bool, error) {
	b, err := d.readSectors(lba, mbrSize)
	if err != nil {
		return [4]slot{}, false, err
	}
	slots, ok := parseMBR(b)
	return slots, ok, nil
}

// addLogical adds the partitions of a link. A link has one; of a third and fourth slot, which some old tools left, nothing
// is believed.
func addLogical(d disk, parts []Partition, slots [4]slot, lba, end uint64, number int) ([]Partition, error) {
	for _, s := range slots[:2] {
		if !s.used() || s.extended() {
			continue
		}
		n := number + len(parts)
		p, err := s.partition(d, n, lba+uint64(s.first))
		if err != nil {
			return nil, err
		}
		if s.first == 0 || lba+uint64(s.first)+uint64(s.length) > end {
			return nil, fmt.Errorf("%w: logical partition %d is not inside its extended one", ErrInvalid, n)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func nextLink(slots [4]slot, base uint64) (uint64, bool) {
	for _, s := range slots {
		if s.extended() {
			return base + uint64(s.first), true
		}
	}
	return 0, false
}
