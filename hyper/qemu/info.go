package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
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
	Specific      struct {
		Data struct {
			Corrupt  bool   `json:"corrupt"`
			DataFile string `json:"data-file"`
			Extents  []struct {
				Filename    string `json:"filename"`
				Format      string `json:"format"`
				VirtualSize int64  `json:"virtual-size"`
			} `json:"extents"`
		} `json:"data"`
	} `json:"format-specific"`
}

// Inspect looks at an image. It opens neither its base nor lets QEMU guess a format.
func Inspect(ctx context.Context, image Image) (Info, error) {
	image, err := absolute(image)
	if err != nil {
		return Info{}, err
	}
	out, err := img(ctx, "info", "--output=json", "-f", image.Format, "--", image.Path)
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
	}, nil
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
