package main

import (
	"context"
	"errors"
	"iter"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"

	"golang.org/x/sync/errgroup"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/ingest"
	"vbfs/ingest/file"
	"vbfs/ingest/nbd"
	"vbfs/nbdsrv"
)

// profile does our side's work in this process, once each, and leaves NAME.pprof in dir. The programs themselves know
// nothing of profiles.
func (l *lab) profile(ctx context.Context, dir string, only *regexp.Regexp) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		work func(ctx context.Context, start func() error) error
	}{
		{"capture", l.profileCapture}, {"unchanged", l.profileUnchanged}, {"increment", l.profileIncrement},
		{"sequential", l.profileServe(l.copyNull)}, {"cold", l.profileServe(l.readCold)}, {"hot", l.profileServe(l.readHot)},
		{"chain", l.profileChain}, {"mount", l.profileMount}, {"first", l.profileFirst}, {"vsphere", l.profileVSphere},
	} {
		if !only.MatchString(p.name) {
			continue
		}
		l.say("profile %s", p.name)
		if err := profiled(ctx, filepath.Join(dir, p.name+".pprof"), p.work); err != nil {
			return err
		}
	}
	return nil
}

// profiled runs work, which says when what counts begins.
func profiled(ctx context.Context, path string, work func(ctx context.Context, start func() error) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = work(ctx, func() error { return pprof.StartCPUProfile(f) })
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// within opens a repository.
func within(ctx context.Context, dir string, work func(*index.Repository) error) error {
	store, err := object.OpenLocal(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	return opened(ctx, dir, store, work)
}

func (l *lab) fromFile(ctx context.Context, repo *index.Repository) error {
	d := ingest.Disk{Name: diskName, Open: func(ctx context.Context, _ bool) (ingest.Source, error) {
		return file.Open(ctx, l.disk.path, file.Options{})
	}}
	_, err := ingest.Run(ctx, repo, ingest.Options{Machine: machine, Disks: []ingest.Disk{d}})
	return err
}

func (l *lab) profileCapture(ctx context.Context, start func() error) error {
	dir, err := l.initRepo(ctx, "zstd")
	if err != nil {
		return err
	}
	return within(ctx, dir, func(repo *index.Repository) error { return errors.Join(start(), l.fromFile(ctx, repo)) })
}

func (l *lab) profileUnchanged(ctx context.Context, start func() error) error {
	dir, err := l.repository(ctx, "zstd")
	if err != nil {
		return err
	}
	return within(ctx, dir, func(repo *index.Repository) error { return errors.Join(start(), l.fromFile(ctx, repo)) })
}

func (l *lab) profileIncrement(ctx context.Context, start func() error) (err error) {
	i, err := l.increment(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	return within(ctx, i.repo, func(repo *index.Repository) error {
		d := ingest.Disk{Name: diskName, Tracking: bitmap, Changes: true, Open: func(ctx context.Context, _ bool) (ingest.Source, error) {
			return nbd.Open(ctx, uri(i.socket, machine), nbd.Options{Bitmaps: []string{bitmap}})
		}}
		if err := start(); err != nil {
			return err
		}
		_, err := ingest.Run(ctx, repo, ingest.Options{Machine: machine, Disks: []ingest.Disk{d}})
		return err
	})
}

// A single is a catalog of one export, whatever its name.
type single struct{ image *index.Image }

func (s single) Open(context.Context, string) (nbdsrv.Export, error) { return s.image, nil }
func (s single) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", nil) }
}

// profileServe serves the image to a client of another process.
func (l *lab) profileServe(client func(ctx context.Context, uri string) error) func(context.Context, func() error) error {
	return func(ctx context.Context, start func() error) error {
		dir, err := l.repository(ctx, "zstd")
		if err != nil {
			return err
		}
		return within(ctx, dir, func(repo *index.Repository) error { return l.serveLatest(ctx, repo, start, client) })
	}
}

func (l *lab) profileChain(ctx context.Context, start func() error) error {
	c := l.chain()
	dir, err := c.make(ctx, l)
	if err != nil {
		return err
	}
	return within(ctx, dir, func(repo *index.Repository) error { return l.serveLatest(ctx, repo, start, l.copyNull) })
}

func (l *lab) serveLatest(ctx context.Context, repo *index.Repository, start func() error, client func(context.Context, string) error) error {
	image, err := latest(ctx, repo)
	if err != nil {
		return err
	}
	socket := l.socket()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return nbdsrv.New(single{image}, nbdsrv.Options{}).Serve(ctx, listener) })
	err = errors.Join(start(), client(ctx, uri(socket, "")))
	stop()
	return errors.Join(err, g.Wait())
}

func latest(ctx context.Context, repo *index.Repository) (*index.Image, error) {
	m, err := newestPoint(ctx, repo)
	if err != nil {
		return nil, err
	}
	return repo.Image(m, diskName)
}

func newestPoint(ctx context.Context, repo *index.Repository) (*format.Manifest, error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	p, err := index.Selector{Machine: points[len(points)-1].MachineName}.Find(points)
	if err != nil {
		return nil, err
	}
	return repo.Point(ctx, p)
}

func (l *lab) copyNull(ctx context.Context, uri string) error {
	return finish(command(ctx, "nbdcopy", "-C", "4", uri, "null:"))
}

func (l *lab) readCold(ctx context.Context, uri string) error {
	_, err := cold(ctx, l, uri, 1)
	return err
}

func (l *lab) readHot(ctx context.Context, uri string) error {
	_, err := hot(ctx, l, uri, 1)
	return err
}

func (l *lab) profileMount(ctx context.Context, start func() error) error {
	dir, err := l.repository(ctx, "zstd")
	if err != nil {
		return err
	}
	return within(ctx, dir, func(repo *index.Repository) error {
		at, err := l.folder("mnt")
		if err != nil {
			return err
		}
		m, err := fs.Mount(ctx, at, repo, fs.Options{})
		if err != nil {
			return err
		}
		span := min(mountedSpan, l.disk.dataBytes())
		err = errors.Join(start(), finish(command(ctx, "dd", "if="+mounted(at), "of=/dev/null", "bs=1M",
			"skip="+strconv.FormatInt(l.disk.dense(span)>>20, 10), "count="+strconv.FormatInt(span>>20, 10))))
		return errors.Join(err, m.Unmount(), os.Remove(at))
	})
}

// profileFirst opens the repository of many points again and again: once is too short for a profile.
func (l *lab) profileFirst(ctx context.Context, start func() error) error {
	h, err := l.manyPoints(ctx)
	if err != nil {
		return err
	}
	if err := start(); err != nil {
		return err
	}
	for range 10 {
		err := within(ctx, h.repo, func(repo *index.Repository) error {
			image, err := latest(ctx, repo)
			if err != nil {
				return err
			}
			_, err = image.ReadAt(make([]byte, 4096), h.off)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
