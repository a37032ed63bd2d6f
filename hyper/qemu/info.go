package qemu

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
)

// An Info is what qemu-img knows of one image, without its base.
type Info struct {
	Image
	VirtualSize int64 // bytes of the disk
	ActualSize  int64 // bytes of the file
	ClusterSize int64 // 0 if the format has none
	Corrupt     bool  // the image says so itself
	Base        Image // its backing file; Path is empty if it has none, Format if the image does not record it
	DataFiles   []DataFile
	Bitmaps     []Bitmap // persistent dirty bitmaps of a qcow2
	Snapshots   []string // names of those inside the image
	Encryption  string   // in what way it is encrypted: LUKS, aes, or empty

	said json.RawMessage // by qemu-img
}

// A Bitmap is a persistent dirty bitmap: QEMU, qapi/block-core.json, Qcow2BitmapInfo.
type Bitmap struct {
	Name        string
	Granularity int64 // bytes
	InUse       bool  // QEMU did not end it well: what it says is worth nothing
	Auto        bool  // it is enabled: whatever QEMU writes is noted in it
}

// A DataFile is a file beside the image that holds data of it: an extent of a VMDK, the data file of a qcow2.
type DataFile struct {
	Path string
	Flat int64 // bytes of the disk that it holds as they are, from its beginning; 0 if it does not, or is not known
}

// infoJSON is what `qemu-img info --output=json` prints, of which this is used.
type infoJSON struct {
	VirtualSize   int64  `json:"virtual-size"`
	ActualSize    int64  `json:"actual-size"`
	ClusterSize   int64  `json:"cluster-size"`
	Backing       string `json:"full-backing-filename"`
	BackingFormat string `json:"backing-filename-format"`
	Encrypted     bool   `json:"encrypted"`
	Snapshots     []struct {
		Name string `json:"name"`
	} `json:"snapshots"`
	Specific struct {
		Data struct {
			Corrupt  bool   `json:"corrupt"`
			DataFile string `json:"data-file"`
			Encrypt  struct {
				Format string `json:"format"`
			} `json:"encrypt"`
			Bitmaps []struct {
				Name        string   `json:"name"`
				Granularity int64    `json:"granularity"`
				Flags       []string `json:"flags"`
			} `json:"bitmaps"`
			Extents []struct {
				Filename    string `json:"filename"`
				Format      string `json:"format"`
				VirtualSize int64  `json:"virtual-size"`
			} `json:"extents"`
		} `json:"data"`
	} `json:"format-specific"`
}

// Inspect looks at an image that nobody writes to. It opens neither its base nor lets QEMU guess a format.
func Inspect(ctx context.Context, image Image) (Info, error) { return inspect(ctx, image) }

func inspect(ctx context.Context, image Image, flags ...string) (Info, error) {
	image, err := absolute(image)
	if err != nil {
		return Info{}, err
	}
	args := append([]string{"info", "--output=json", "-f", image.Format}, flags...)
	out, err := img(ctx, append(args, "--", image.Path)...)
	if err != nil {
		return Info{}, err
	}
	var j infoJSON
	if err := json.Unmarshal(out, &j); err != nil {
		return Info{}, fmt.Errorf("qemu-img info %s: %w", image.Path, err)
	}
	return Info{
		Image: image, VirtualSize: j.VirtualSize, ActualSize: j.ActualSize, ClusterSize: j.ClusterSize,
		Corrupt: j.Specific.Data.Corrupt, Base: Image{j.Backing, j.BackingFormat}, DataFiles: j.dataFiles(image.Path),
		Bitmaps: j.bitmaps(), Snapshots: j.snapshots(), Encryption: j.encryption(image.Format), said: out,
	}, nil
}

func (j *infoJSON) bitmaps() (out []Bitmap) {
	for _, b := range j.Specific.Data.Bitmaps {
		out = append(out, Bitmap{b.Name, b.Granularity, slices.Contains(b.Flags, "in-use"), slices.Contains(b.Flags, "auto")})
	}
	return out
}

func (j *infoJSON) snapshots() (names []string) {
	for _, s := range j.Snapshots {
		names = append(names, s.Name)
	}
	return names
}

func (j *infoJSON) encryption(format string) string {
	switch {
	case format == LUKS:
		return LUKS
	case !j.Encrypted:
		return ""
	}
	return cmp.Or(j.Specific.Data.Encrypt.Format, "aes") // what a qcow2 had before it could say
}

func (j *infoJSON) dataFiles(image string) (files []DataFile) {
	add := func(name string, flat int64) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(image), name)
		}
		if name != image {
			files = append(files, DataFile{name, flat})
		}
	}
	for _, e := range j.Specific.Data.Extents {
		if e.Format == "FLAT" {
			add(e.Filename, e.VirtualSize)
		} else {
			add(e.Filename, 0)
		}
	}
	if name := j.Specific.Data.DataFile; name != "" {
		add(name, 0)
	}
	return files
}
