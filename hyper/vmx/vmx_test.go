package vmx

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"
)

const sample = "\xef\xbb\xbf#!/usr/bin/vmware\r\n" + `.encoding = "UTF-8"
displayName = "Büro |22a|22 |7C b" # what it is called

  memSize	=	1024  # plain
numvcpus="2"
empty =
SCSI0.Present = "TRUE"
scsi0.present = "FALSE"
guestinfo.bar = "50|"`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"displayname": `Büro "a" | b`, "memsize": "1024", "NUMVCPUS": "2", "empty": "", "scsi0.present": "FALSE", "guestinfo.bar": "50|", "none": "",
	} {
		if got := f.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if !f.Has("empty") || f.Has("none") || f.True("scsi0.present") {
		t.Error("has")
	}
	if n, ok := f.Int("memSize"); n != 1024 || !ok {
		t.Error("memSize", n, ok)
	}
	if got := strings.Join(f.Repeated(), " "); got != "scsi0.present" {
		t.Errorf("repeated: %q", got)
	}
	if got := f.Marshal(); string(got) != sample {
		t.Errorf("again:\n%s", got)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a = \"1\"\nb\n":       "line 2",
		"a = \"1":              "line 1",
		"a b = \"1\"":          "line 1",
		"= \"1\"":              "line 1",
		"a = \"1\" b":          "line 1",
		"a = \"1\x00\"":        "line 1",
		"\n\na = x y\n":        "line 3",
		"a = 1\xef\xbb\xbf\n=": "line 2",
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range [][]byte{make([]byte, MaxSize+1), bytes.Repeat([]byte("a=\n"), maxLines+1)} {
		if _, err := Parse(text); !errors.Is(err, ErrTooBig) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestSet(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	f.Set("SCSI0.present", "TRUE")
	f.Set("annotation", "two\nlines \"|\"\t€")
	f.Delete("EMPTY", "numVcpus")
	text := string(f.Marshal())
	want := strings.NewReplacer("SCSI0.Present = \"TRUE\"\n", "", `"FALSE"`, `"TRUE"`, "empty =\n", "", "numvcpus=\"2\"\n", "").Replace(sample) +
		"\nannotation = \"two|0Alines |22|7C|22\t€\"\n"
	if text != want {
		t.Errorf("written:\n%s\nwant:\n%s", text, want)
	}
	again, err := Parse([]byte(text))
	if err != nil || again.Get("annotation") != "two\nlines \"|\"\t€" || again.Repeated() != nil {
		t.Errorf("%v, %v", err, again)
	}
}

func TestNew(t *testing.T) {
	f := New()
	f.Set("a", "1")
	if got := string(f.Marshal()); got != ".encoding = \"UTF-8\"\na = \"1\"\n" {
		t.Errorf("%q", got)
	}
}

// TestEncoding has one file in a code page: it stays as it is until something is set that it cannot hold.
func TestEncoding(t *testing.T) {
	text := ".encoding = \"windows-1252\"\n# gr\xfcn\ndisplayName = \"B\xfcro \x80\"\n"
	f, err := Parse([]byte(text))
	if err != nil || f.Text("displayName") != "Büro €" || f.Get("displayName") != "B\xfcro \x80" {
		t.Fatalf("%v: %q", err, f.Text("displayName"))
	}
	f.Set("memsize", "4")
	if got := string(f.Marshal()); got != text+"memsize = \"4\"\n" {
		t.Errorf("%q", got)
	}
	f.Set("annotation", "東")
	if got := string(f.Marshal()); got != ".encoding = \"UTF-8\"\n# grün\ndisplayName = \"Büro €\"\nmemsize = \"4\"\nannotation = \"東\"\n" {
		t.Errorf("%q", got)
	}
	if f, err = Parse([]byte("displayName = \"B\xfcro\"")); err != nil || f.Text("displayname") != "B\uFFFDro" {
		t.Errorf("%v: %q", err, f.Text("displayname"))
	}
}

// FuzzFile: nothing panics, what is read is written as it was, and what is set is read again.
func FuzzFile(f *testing.F) {
	f.Add([]byte(sample), "b|\"\n")
	f.Add([]byte(".encoding = \"windows-1252\"\na = \"\xfc\""), "ü")
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		if !bytes.Equal(v.Marshal(), text) {
			t.Errorf("%q became %q", text, v.Marshal())
		}
		v.Set("fuzzed", value)
		pairs := maps.Collect(v.All())
		again, err := Parse(v.Marshal())
		if err != nil && !errors.Is(err, ErrTooBig) {
			t.Fatalf("%q: %v", v.Marshal(), err)
		}
		if err == nil && !maps.Equal(pairs, maps.Collect(again.All())) {
			t.Errorf("%q: %q, then %q", text, pairs, maps.Collect(again.All()))
		}
	})
}
