package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/vim25/soap"
	"golang.org/x/sync/errgroup"

	"vbfs/testdata/vsim"
)

// A downloader is curl, on as many connections as there are processors, which is what our program reads on. Each gets a part of
// the file, range after range on one connection, and writes it to a file that is on the disk at the end.
type downloader struct {
	*vcenter
	size int64
}

// curlRange is how much is asked for at once: what our program asks for at most.
const curlRange = 16 << 20

func (d downloader) run(ctx context.Context) (float64, error) {
	cookie, leave, err := d.session(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	dir, err := d.l.folder("curl")
	defer os.RemoveAll(dir)
	if err != nil {
		return 0, err
	}
	return seconds(func() error {
		g, ctx := errgroup.WithContext(ctx)
		n := int64(runtime.NumCPU())
		for i := range n {
			from, to := d.size/n*i, d.size/n*(i+1)
			if i == n-1 {
				to = d.size
			}
			g.Go(func() error { return d.part(ctx, fmt.Sprintf("%s/%d", dir, i), d.config(cookie, from, to)) })
		}
		return g.Wait()
	})
}

// part has one curl download what its configuration says.
func (d downloader) part(ctx context.Context, file, config string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := command(ctx, "curl", "--config", "-")
	cmd.Stdin, cmd.Stdout = strings.NewReader(config), f
	if err := finish(cmd); err != nil {
		return err
	}
	return f.Sync()
}

// config asks for a part of the file.
func (d downloader) config(cookie string, from, to int64) string {
	var b strings.Builder
	for off := from; off < to; off += curlRange {
		if off > from {
			b.WriteString("next\n")
		}
		fmt.Fprintf(&b, "silent\nshow-error\nfail\ncacert = %q\ncookie = %q\nrange = %d-%d\nurl = %q\n",
			d.h.CAFile(), cookie, off, min(off+curlRange, to)-1, d.flat())
	}
	return b.String()
}

// flat is the address of the disk's file at the vCenter.
func (d downloader) flat() string {
	store, path, _ := strings.Cut(strings.TrimPrefix(d.m.Files()[0], "["), "] ")
	u := url.URL{Scheme: "https", Host: d.h.URL().Host, Path: "/folder/" + path, RawQuery: url.Values{"dcPath": {"DC0"}, "dsName": {store}}.Encode()}
	return u.String()
}

// session logs in, for what curl has to show.
func (d downloader) session(ctx context.Context) (cookie string, leave func(), err error) {
	u := d.h.URL()
	u.User = url.UserPassword(vsim.DefaultUser, vsim.DefaultPassword)
	c, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return "", nil, err
	}
	leave = func() { c.Logout(context.WithoutCancel(ctx)) }
	for _, k := range c.Jar.Cookies(u) {
		if k.Name == soap.SessionCookieName {
			return k.Name + "=" + k.Value, leave, nil
		}
	}
	leave()
	return "", nil, fmt.Errorf("%s gives no session", u.Host)
}
