package table

// A tree is a bucket of a mapped file.
type tree struct {
	m    pages
	root page
	keys int64 // as its writer counted
}

// get gives the value of a key, nil where there is none.
func (t tree) get(key []byte) ([]byte, error) {
	p := t.root
	for range maxDepth {
		i, exact := p.search(key)
		if p.leaf {
			if !exact {
				return nil, nil
			}
			return p.value(i), nil
		}
		if !exact {
			i = max(0, i-1) // a branch's keys are the first of each child
		}
		var err error
		if p, err = t.m.page(p.child(i)); err != nil {
			return nil, err
		}
	}
	return nil, damaged("more than %d levels", maxDepth)
}

// bucket opens a bucket inside t.
func (t tree) bucket(name []byte) (tree, error) {
	v, err := t.get(name)
	if err != nil {
		return tree{}, err
	}
	if v == nil {
		return tree{}, damaged("no bucket %q", name)
	}
	b := tree{m: t.m, keys: int64(order.Uint64(v[8:bucketSize]))}
	if root := order.Uint64(v); root != 0 {
		b.root, err = t.m.page(root)
	} else {
		b.root, err = parsePage(v[bucketSize:])
	}
	return b, err
}

// buckets opens the three buckets of a segment.
func (m pages) buckets() (ids, packs, points tree, err error) {
	meta, err := m.meta()
	if err != nil {
		return ids, packs, points, err
	}
	top := tree{m: m}
	if top.root, err = m.page(meta.root); err != nil {
		return ids, packs, points, err
	}
	if ids, err = top.bucket(bucketIDs); err != nil {
		return ids, packs, points, err
	}
	if packs, err = top.bucket(bucketPacks); err != nil {
		return ids, packs, points, err
	}
	points, err = top.bucket(bucketPoints)
	return ids, packs, points, err
}
