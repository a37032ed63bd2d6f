package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func qemuIO(t *testing.T, image Image, commands ...string) {
	t.Helper()
	args := []string{"-f", image.Format}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	tool(t, "qemu-io", append(args, image.Path)...)
}

// twoBitmaps is an image whose first bitmap is not enabled any more.
func twoBitmaps(t *testing.T) Image {
	t.Helper()
	image := create(t, "a, b.qcow2", QCow2)
	tool(t, "qemu-img", "bitmap", "--add", image.Path, "one")
	qemuIO(t, image, "write 0 64k")
	tool(t, "qemu-img", "bitmap", "--disable", image.Path, "one")
	tool(t, "qemu-img", "bitmap", "--add", "-g", "32k", image.Path, "two")
	qemuIO(t, image, "write 1M 64k")
	return image
}

func TestBitmaps(t *testing.T) {
	t.Parallel()
	image := twoBitmaps(t)
	info, err := Inspect(t.Context(), image)
	want := []Bitmap{{Name: "one", Granularity: 65536}, {Name: "two", Granularity: 32768, Auto: true}}
	if err != nil || fmt.Sprint(info.Bitmaps) != fmt.Sprint(want) || info.Snapshots != nil || info.Encryption != "" {
		t.Fatalf("%+v, %v", info, err)
	}
	for _, names := range [][]string{nil, {"one"}, {"two"}, {"one", "two"}} {
		s := serve(t, image, ServeOptions{Bitmaps: names})
		said := tool(t, "nbdinfo", "--list", s.URI())
		for _, name := range []string{"one", "two"} {
			offered := strings.Contains(said, "qemu:dirty-bitmap:"+name)
			if asked := strings.Contains(fmt.Sprint(names), name); offered != asked {
				t.Errorf("asked for %q: %s", names, said)
			}
		}
		for _, name := range names {
			dirty := map[string]string{"one": "0 65536 1 dirty", "two": "1048576 65536 1 dirty"}[name]
			said := tool(t, "nbdinfo", "--map=qemu:dirty-bitmap:"+name, s.URI())
			if said := strings.Join(strings.Fields(said), " "); !strings.Contains(said, dirty) || strings.Count(said, "dirty") != 1 {
				t.Errorf("%s of %q: %s", name, names, said)
			}
		}
		if out, err := exec.Command("qemu-io", "-f", QCow2, "-c", "write 0 4k", image.Path).CombinedOutput(); err == nil {
			t.Errorf("the image can be written meanwhile: %s", out)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Serve(t.Context(), image, ServeOptions{Bitmaps: []string{"one", "none"}}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a bitmap that is not there: %v", err)
	}
	if _, err := Serve(t.Context(), image, ServeOptions{Bitmaps: []string{"one", "two"}, Writable: true}); err == nil {
		t.Error("bitmaps of what is written to")
	}
}

// TestKilledWriter leaves bitmaps as a QEMU leaves them that was killed.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	image := twoBitmaps(t)
	end := writer(t, image)
	if _, err := Lock(image.Path); !errors.Is(err, ErrInUse) {
		t.Errorf("a writer is there: %v", err)
	}
	if _, err := Serve(t.Context(), image, ServeOptions{Bitmaps: []string{"one", "two"}}); err == nil {
		t.Error("an image that is written to is served")
	}
	if said, err := Describe(t.Context(), image); err != nil || !json.Valid(said) {
		t.Errorf("an image that is written to is not described: %v", err)
	}
	end()
	info, err := Inspect(t.Context(), image)
	if err != nil || len(info.Bitmaps) != 2 || !info.Bitmaps[0].InUse || !info.Bitmaps[1].InUse {
		t.Fatalf("%+v, %v", info.Bitmaps, err)
	}
	for _, names := range [][]string{{"two"}, {"one", "two"}} {
		if _, err := Serve(t.Context(), image, ServeOptions{Bitmaps: names}); err == nil || !strings.Contains(err.Error(), "inconsistent") {
			t.Errorf("%q: %v", names, err)
		}
	}
}

// writer has an image open for writing, and gives what kills it.
func writer(t *testing.T, image Image) (end func()) {
	t.Helper()
	cmd := exec.Command("qemu-io", "-f", image.Format, image.Path)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "write 2M 64k\n")
	end = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	t.Cleanup(end)
	said := make([]byte, 200)
	for seen := ""; !strings.Contains(seen, "wrote"); {
		n, err := out.Read(said)
		if seen += string(said[:n]); err != nil {
			t.Fatalf("%s: %v", seen, err)
		}
	}
	return end
}

func TestLock(t *testing.T) {
	t.Parallel()
	for _, format := range []string{Raw, QCow2} {
		image := create(t, "disk", format)
		locked, err := Lock(image.Path)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("qemu-io", "-f", format, "-c", "write 0 4k", image.Path).CombinedOutput()
		if err == nil || !strings.Contains(string(out), `"write" lock`) {
			t.Errorf("%s is locked, and written to: %s", format, out)
		}
		serve(t, image, ServeOptions{}).Close()
		again, err := Lock(image.Path)
		if err != nil {
			t.Errorf("twice at once: %v", err)
		} else {
			again.Close()
		}
		locked.Close()
		qemuIO(t, image, "write 0 4k")
	}
}

func TestInsideOfImages(t *testing.T) {
	t.Parallel()
	image := create(t, "a", QCow2)
	tool(t, "qemu-img", "snapshot", "-c", "before update", image.Path)
	if info, err := Inspect(t.Context(), image); err != nil || fmt.Sprintf("%q", info.Snapshots) != `["before update"]` {
		t.Errorf("%q, %v", info.Snapshots, err)
	}
	old := create(t, "a", QCow2)
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=s", old.Path, "1M")
	if info, err := Inspect(t.Context(), old); err != nil || info.Encryption != "aes" {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := Inspect(t.Context(), writerOf(t)); err == nil {
		t.Error("an image that is written to can be inspected, and its bitmaps believed")
	}
}

func writerOf(t *testing.T) Image {
	t.Helper()
	image := create(t, "busy", QCow2)
	writer(t, image)
	return image
}

// TestSecret reads what was written with the key, by one that is handed over.
func TestSecret(t *testing.T) {
	t.Parallel()
	secret := "pass, word\n"
	for format, options := range map[string]string{
		LUKS:  "iter-time=50,key-secret=s",
		QCow2: "encrypt.format=luks,encrypt.iter-time=50,encrypt.key-secret=s",
	} {
		image := Image{filepath.Join(t.TempDir(), "disk"), format}
		object := "secret,id=s,data=" + strings.ReplaceAll(secret, ",", ",,")
		for range 40 { // QEMU may find a busy processor impossible to measure
			time.Sleep(50 * time.Millisecond)
			out, err := exec.Command("qemu-img", "create", "-q", "-f", format, "--object", object, "-o", options, image.Path, "4M").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "CPU usage") {
				break
			}
		}
		key := "encrypt.key-secret=s"
		if format == LUKS {
			key = "key-secret=s"
		}
		tool(t, "qemu-io", "--object", object, "--image-opts", "-c", "write -P 0x5a 1M 64k",
			"driver="+format+","+key+",file.driver=file,file.filename="+image.Path)
		info, err := Inspect(t.Context(), image)
		if err != nil || info.Encryption != LUKS || info.VirtualSize != 4<<20 {
			t.Errorf("%+v, %v", info, err)
		}
		if err := CheckSecret(t.Context(), info, []byte(secret)); err != nil {
			t.Errorf("check of %s: %v", format, err)
		}
		if err := CheckSecret(t.Context(), info, []byte("wrong")); format == QCow2 && err == nil {
			t.Error("an image is checked without its key")
		}
		s := serve(t, image, ServeOptions{Secret: []byte(secret)})
		if said := tool(t, "qemu-io", "-r", "-f", "raw", "-c", "read -P 0x5a 1M 64k", s.URI()); strings.Contains(said, "failed") {
			t.Error(said)
		}
		s.Close()
		begin := time.Now()
		if _, err := Serve(t.Context(), image, ServeOptions{Secret: []byte("wrong")}); err == nil || time.Since(begin) > 20*time.Second {
			t.Errorf("a wrong secret: %v", err)
		}
		if _, err := Serve(t.Context(), image, ServeOptions{}); err == nil || !strings.Contains(err.Error(), "key-secret") {
			t.Errorf("no secret: %v", err)
		}
	}
}
