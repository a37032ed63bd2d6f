package table

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// entryBytes is what an entry takes in a file, rounded up.
	entryBytes = 43
	// batchBytes of keys and values, 80,000 entries, go into one transaction, which takes some 30 MiB of memory.
	batchBytes = 2 << 20
)

// A source is what goes into a segment, each bucket in key order.
type source struct {
	bytes              int64 // of the file, at a guess
	ids, packs, points iter.Seq[element]
	time               time.Time    // of the newest entries; zero means now
	check              func() error // asked before the segment gets its name, if it is not nil
}

// writeFile makes a segment and gives its name.
func writeFile(dir string, src source) (name string, err error) {
	claimed, err := newTemp(dir)
	if err != nil {
		return "", fmt.Errorf("write table segment: %w", err)
	}
	defer claimed.Close()
	temp := claimed.Name()
	if name, err = build(temp, src); err == nil && name != "" {
		err = publish(temp, filepath.Join(dir, name))
	}
	if name == "" || err != nil {
		os.Remove(temp) // else a later sweep does
	}
	if err != nil {
		return "", fmt.Errorf("write table segment: %w", err)
	}
	return name, nil
}

// build fills the file and gives the name that it shall have, none if it is empty.
func build(temp string, src source) (name string, err error) {
	size, err := fill(temp, src)
	if err != nil {
		return "", err
	}
	if src.check != nil {
		if err := src.check(); err != nil {
			return "", err
		}
	}
	if size == 0 {
		return "", nil
	}
	return settle(temp, size, src.time)
}

// fill writes the buckets and tells how long the file shall be; 0 if there was nothing to write.
func fill(temp string, src source) (size int64, err error) {
	db, err := bbolt.Open(temp, fileMode, &bbolt.Options{
		PageSize:        pageSize,
		InitialMmapSize: int(src.bytes + 1<<20), // to remap it copies what is pending
		NoSync:          true,                   // settle syncs once
		NoGrowSync:      true,
		NoStatistics:    true,
		Timeout:         time.Second, // a sweep may look at the new file
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		// After a panic bbolt's locks are in doubt, and Close might wait for ever: better to leave the file open.
		if !errors.Is(err, errPanic) {
			err = errors.Join(err, db.Close())
		}
	}()
	var keys uint64
	for _, b := range []*bucket{
		{db: db, name: bucketIDs, from: src.ids},
		{db: db, name: bucketPacks, from: src.packs},
		{db: db, name: bucketPoints, from: src.points},
	} {
		if err := b.fill(); err != nil {
			return 0, err
		}
		keys += b.keys
	}
	if keys == 0 {
		return 0, nil
	}
	err = db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	return size, err
}

// A bucket is being filled in key order.
type bucket struct {
	db    *bbolt.DB
	name  []byte
	from  iter.Seq[element]
	arena []byte // the bytes of batch
	batch []element
	keys  uint64
}

// fill puts the first element of each key.
func (b *bucket) fill() error {
	var last []byte
	for e := range b.from {
		if bytes.Equal(e.key, last) {
			continue
		}
		if len(b.arena)+len(e.key)+len(e.val) > batchBytes && len(b.batch) > 0 {
			if err := b.commit(); err != nil {
				return err
			}
		}
		last = b.add(e)
	}
	return b.commit()
}

// add copies e to the batch, as bbolt keeps values until the commit, and gives the copy of its key.
func (b *bucket) add(e element) (key []byte) {
	at := len(b.arena)
	b.arena = append(append(b.arena, e.key...), e.val...)
	own := b.arena[at:]
	key = own[:len(e.key)]
	b.batch = append(b.batch, element{key, own[len(e.key):]})
	return key
}

// commit writes the batch. The number of keys so far becomes the bucket's sequence.
func (b *bucket) commit() error {
	b.keys += uint64(len(b.batch))
	err := b.update()
	b.arena, b.batch = b.arena[:0], b.batch[:0]
	return err
}

// update puts the batch in one transaction. bbolt reads back what it wrote before, and panics or faults when the file
// system lost that, as some do when they are full.
func (b *bucket) update() (err error) {
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}(debug.SetPanicOnFault(true))
	tx, err := b.db.Begin(true)
	if err != nil {
		return err
	}
	if err := b.put(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (b *bucket) put(tx *bbolt.Tx) error {
	to, err := tx.CreateBucketIfNotExists(b.name)
	if err != nil {
		return err
	}
	to.FillPercent = 1 // nothing is inserted between
	for _, e := range b.batch {
		if err := to.Put(e.key, e.val); err != nil {
			return err
		}
	}
	return to.SetSequence(b.keys)
}

// settle cuts the file to its pages, makes it durable and gives the name that its bytes have.
func settle(temp string, size int64, newest time.Time) (name string, err error) {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return "", err
	}
	if !newest.IsZero() {
		if err := os.Chtimes(temp, newest, newest); err != nil {
			return "", err
		}
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return nameOf(f)
}

// publish gives the file its name. What may have that name has the same bytes, or is damaged and healed so.
func publish(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
