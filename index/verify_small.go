package index

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vbfs/index/object"
)

// ErrForeign marks an object that this format does not have. It hurts nothing.
var ErrForeign = errors.New("no object of a repository of this release")

// verifySmall goes over all objects: it reads those that are neither packs nor points, and notes the packs and bundles.
func (v *verifier) verifySmall(ctx context.Context) error {
	for info, err := range v.r.store.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if err := v.verifyObject(ctx, info); err != nil && !errors.Is(err, object.ErrNotExist) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v.add(info.Name, err)
		}
	}
	return v.verifyTable(ctx)
}

// verifyObject reads one object whole, if its turn is not later.
func (v *verifier) verifyObject(ctx context.Context, info object.Info) error {
	folder, _, inside := strings.Cut(info.Name, "/")
	switch {
	case info.Name == configName || info.Name == reserveName: // read before, or nothing
		return nil
	case !inside:
		return ErrForeign
	}
	switch folder {
	case pointsFolder, tableFolder, featuresFolder: // later, by themselves, or empty
		return nil
	case packsFolder, bundlesFolder:
		return v.noteStored(info)
	case keysFolder:
		_, err := readSlot(ctx, v.r.store, info.Name)
		return err
	case keyringFolder:
		_, err := readKeyring(ctx, v.r.store, v.r.root, info.Name)
		return err
	case notesFolder:
		_, err := v.r.note(ctx, info.Name)
		return err
	}
	if k, record := recordOf(folder, info.Name); record != nil {
		return v.r.get(ctx, k, info.Name, record)
	}
	return ErrForeign
}

// verifyTable reads the table when data is read, too. It is a cache: what is wrong with it hurts no point.
func (v *verifier) verifyTable(ctx context.Context) error {
	if v.r.table == nil || !v.o.reading() {
		return ctx.Err()
	}
	damaged, err := v.r.table.Verify(ctx)
	for _, name := range damaged {
		v.add("table/"+name, fmt.Errorf("segment is damaged, which rebuild-table mends: %w", ErrCorrupt))
	}
	return err
}
