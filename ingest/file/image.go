package file

import (
	"context"

	"vbfs/hyper/qemu"
	"vbfs/ingest/nbd"
)

// openImage lets QEMU serve an image, after a look at every file that it will open.
func openImage(ctx context.Context, image qemu.Image, opts Options) (*Source, error) {
	chain, err := qemu.Chain(ctx, image)
	if err != nil {
		return nil, err
	}
	files, err := watchAll(chain)
	if err != nil {
		return nil, err
	}
	for _, info := range chain {
		if err := qemu.Check(ctx, info); err != nil {
			return nil, err
		}
	}
	server, err := qemu.Serve(ctx, image, qemu.ServeOptions{})
	if err != nil {
		return nil, err
	}
	disk, err := nbd.Open(ctx, server.URI(), nbd.Options{Timeout: opts.Timeout})
	if err != nil {
		server.Close() // the first error tells more
		return nil, err
	}
	return &Source{Source: disk, format: image.Format, sectors: defaultSectors, files: files, server: server}, nil
}

func watchAll(chain []qemu.Info) (files []watched, err error) {
	for _, info := range chain {
		paths := []string{info.Path}
		for _, file := range info.DataFiles {
			paths = append(paths, file.Path)
		}
		for _, path := range paths {
			w, err := watch(path)
			if err != nil {
				return nil, err
			}
			files = append(files, w)
		}
	}
	return files, nil
}
