package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
	"vbfs/index/table"
)

// The repository of many points: one disk of 16 TiB with data all over it, at ten machines with a thousand points each.
const (
	vastSize     = 16 << 40
	vastBlocks   = 4096
	manyMachines = 10
	manyPoints   = 1000 // of each
)

// A history is a repository of many points, of which one is read.
type history struct {
	repo, export, path string // path is under the mount
	off                int64  // where there is data
	points             int
}

// manyPoints captures the disk once. The other points are that one's manifest under other names: to write them as a
// backup does would list 10,000 points 10,000 times.
func (l *lab) manyPoints(ctx context.Context) (h history, err error) {
	each := manyPoints
	if l.o.quick {
		each /= 10
	}
	h.points = manyMachines * each
	h.repo, err = l.makeRepo(ctx, func(dir string, store *object.Local) error {
		fast := hurried{store, dir}
		var first *format.Manifest
		p := &patch{size: vastSize, full: true, fill: noise}
		for i := range int64(vastBlocks) {
			p.blocks = append(p.blocks, i*(vastSize/vastBlocks>>16)+i)
		}
		err := opened(ctx, dir, fast, func(repo *index.Repository) (err error) {
			first, err = capture(ctx, repo, "machine00", p)
			return err
		})
		if err != nil {
			return err
		}
		h.off = p.blocks[vastBlocks/2] << 16
		last, err := multiply(ctx, dir, fast, first, each)
		h.export = last.MachineName + "@" + last.Name + ":" + diskName
		h.path = "machines/" + last.MachineName + "/" + last.Name + "/disks/" + diskName + ".raw"
		return err
	})
	return h, err
}

// noise fills a block with what no other holds.
func noise(_ int64, p []byte) error {
	_, err := rand.Read(p[:64])
	return err
}

// multiply stores the manifest again and again, an hour apart, and the catalog of all. It gives one from the middle.
func multiply(ctx context.Context, dir string, store object.Store, first *format.Manifest, each int) (middle *format.Manifest, err error) {
	keys, _, err := ring(ctx, store)
	if err != nil {
		return nil, err
	}
	var catalog []table.Point
	for i := range manyMachines {
		m := *first
		m.MachineName = fmt.Sprintf("machine%02d", i)
		if i > 0 {
			rand.Read(m.Machine[:])
		}
		for n := 1; n <= each; n++ {
			if i > 0 || n > 1 {
				rand.Read(m.Point[:])
				m.Sequence = uint64(n)
				m.Time = first.Time.Add(time.Duration(n) * time.Hour)
				m.Name = m.Time.Truncate(time.Second).Format(index.TimeLayout)
				if err := putPoint(ctx, store, keys, &m); err != nil {
					return nil, err
				}
				catalog = append(catalog, table.Point{ID: m.Point, Sealed: keys.SealSummary(m.Point, m.Summary().Marshal())})
			}
			if i == manyMachines/2 && n == each/2 {
				copied := m
				middle = &copied
			}
		}
	}
	_, err = table.Write(tableOf(dir), nil, catalog)
	return middle, err
}

func putPoint(ctx context.Context, store object.Store, keys *seal.Ring, m *format.Manifest) error {
	name := "points/" + keys.Tag(m.Machine) + "/" + m.Point.String()
	b, err := keys.Seal(format.KindManifest, name, m.Marshal())
	if err != nil {
		return err
	}
	return object.PutBytes(ctx, store, name, b)
}
