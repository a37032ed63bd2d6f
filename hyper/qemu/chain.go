package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
)

// maxChain bounds the images under one another; QEMU itself becomes useless long before.
const maxChain = 256

// Chain is an image and all below it, the image first. It refuses a base that is no local file, and one whose format
// is not recorded: QEMU would guess it from bytes that a guest may have written.
func Chain(ctx context.Context, image Image) ([]Info, error) { return chain(ctx, image) }

// Describe gives what `qemu-img info --backing-chain --output=json` says of an image and all below it: a list. It looks at images that
// are in use, too, of which it may tell what is not so any more.
func Describe(ctx context.Context, image Image) (json.RawMessage, error) {
	infos, err := chain(ctx, image, "--force-share")
	if err != nil {
		return nil, err
	}
	var said []json.RawMessage
	for _, info := range infos {
		said = append(said, info.said)
	}
	return json.MarshalIndent(said, "", "    ")
}

func chain(ctx context.Context, image Image, flags ...string) ([]Info, error) {
	var chain []Info
	for image.Path != "" {
		if len(chain) == maxChain {
			return nil, fmt.Errorf("%w: more than %d images in a chain", ErrBacking, maxChain)
		}
		info, err := inspect(ctx, image, flags...)
		if err != nil {
			return nil, err
		}
		if err := safeBase(info); err != nil {
			return nil, err
		}
		chain = append(chain, info)
		image = info.Base
	}
	return chain, nil
}

func safeBase(info Info) error {
	base := info.Base
	switch {
	case base.Path == "":
		return nil
	case !filepath.IsAbs(base.Path):
		return fmt.Errorf("%w: %s is based on %q, which is no local file", ErrBacking, info.Path, base.Path)
	case base.Format == "":
		return fmt.Errorf("%w: %s does not record the format of its base %s: `qemu-img rebase -u -b BASE -F FORMAT IMAGE` does",
			ErrBacking, info.Path, base.Path)
	}
	return nil
}
