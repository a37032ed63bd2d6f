package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// LUKS is the format of an image that is encrypted as a whole, and the way in which a qcow2's data is.
const LUKS = "luks"

// An object is one of QEMU's options, said in JSON: no care is needed for what is in a path.
type object map[string]any

func jsonOf(o object) string {
	b, _ := json.Marshal(o) // of strings, numbers and lists of them
	return string(b)
}

// node describes an image as QEMU opens it: QEMU, qapi/block-core.json, BlockdevOptions. One that is encrypted wants the
// keyObject beside it.
func node(image Image, encrypted bool) object {
	n := object{"driver": image.Format, "file": object{"driver": protocol(image.Path), "filename": image.Path}}
	switch {
	case encrypted && image.Format == LUKS:
		n["key-secret"] = keyID
	case encrypted:
		n["encrypt"] = object{"format": LUKS, "key-secret": keyID}
	}
	return n
}

// protocol is QEMU's driver for what a path leads to.
func protocol(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeDevice != 0 {
		return "host_device"
	}
	return "file"
}

const keyID = "key"

// keyObject is the secret that keyFile hands over, as the first file beside standard input, output and error.
func keyObject() object {
	return object{"qom-type": "secret", "id": keyID, "file": "/dev/fd/3"}
}

// maxSecret is what a pipe holds, bytes; libvirt's secrets are no longer (VIR_SECRET_VALUE_MAX).
const maxSecret = 64 << 10

// keyFile is a file from which a secret is read once, and which lies nowhere. The caller closes it.
func keyFile(secret []byte) (*os.File, error) {
	if len(secret) > maxSecret {
		return nil, fmt.Errorf("a secret of %d bytes", len(secret))
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("hand the secret over: %w", err)
	}
	_, err = w.Write(secret)
	if err = errors.Join(err, w.Close()); err != nil {
		r.Close()
		return nil, fmt.Errorf("hand the secret over: %w", err)
	}
	return r, nil
}
