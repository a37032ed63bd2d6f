package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"vbfs/cmd/internal/clitest"
)

// with gives the lab with more variables.
func with(l *clitest.Lab, t *testing.T, env ...string) *clitest.Lab {
	other := *l
	other.T, other.Env = t, append(append([]string{}, l.Env...), env...)
	return &other
}

// identity writes an age identity to a file of the lab and gives its recipient.
func identity(l *clitest.Lab, name string) (recipient string) {
	l.T.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		l.T.Fatal(err)
	}
	write(l, name, id.String()+"\n")
	return id.Recipient().String()
}

// sshIdentity writes an SSH key, and gives the line of its public half.
func sshIdentity(l *clitest.Lab, name string) (recipient string) {
	l.T.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		l.T.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		l.T.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		l.T.Fatal(err)
	}
	write(l, name, string(pem.EncodeToMemory(block)))
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))) + " root@web01"
}

func write(l *clitest.Lab, name, text string) {
	l.T.Helper()
	if err := os.WriteFile(l.Path(name), []byte(text), 0o600); err != nil {
		l.T.Fatal(err)
	}
}

var recoveryKey = regexp.MustCompile(`(?m)^([0-9A-Z]{4}-){13}[0-9A-Z]{4}$`)

// Every way to open the repository opens it, and gives back the same bytes; what was removed opens nothing.
func TestWaysToOpen(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	owner := with(l, t, "VBACKUP_PASSWORD=one")
	owner.OK("vbackup", "init", "--escrow", identity(l, "escrow"))
	disk := l.Disk("web01.raw", 2)
	owner.OK("vbackup", "backup", disk)
	owner.OK("vbackup", "key", "add", "--age", identity(l, "x"), "--label", "safe")
	owner.OK("vbackup", "key", "add", "--age", sshIdentity(l, "ssh"))
	write(l, "recipients", "# on call\n\n"+identity(l, "a")+"\n"+identity(l, "b")+"\n")
	owner.OK("vbackup", "key", "add", "--age-file", l.Path("recipients"), "--label", "on call")
	sheet := owner.OK("vbackup", "key", "recovery").Out
	key := recoveryKey.FindString(sheet)
	write(l, "sheet", strings.ToLower(strings.ReplaceAll(key, "-", " "))+"\n")
	identity(l, "stranger")

	ways := map[string][]string{
		"password":      {"VBACKUP_PASSWORD=one"},
		"escrow":        {"VBACKUP_IDENTITY_FILE=" + l.Path("escrow")},
		"age":           {"VBACKUP_IDENTITY_FILE=" + l.Path("x")},
		"SSH":           {"VBACKUP_IDENTITY_FILE=" + l.Path("ssh")},
		"first of file": {"VBACKUP_IDENTITY_FILE=" + l.Path("a")},
		"last of file":  {"VBACKUP_IDENTITY_FILE=" + l.Path("b")},
		"recovery key":  {"VBACKUP_PASSWORD=" + key},
		"as typed":      {"VBACKUP_PASSWORD_FILE=" + l.Path("sheet")},
		"one of two":    {"VBACKUP_IDENTITY_FILE=" + l.Path("stranger"), "VBACKUP_PASSWORD=one"},
	}
	want := l.Bytes(disk)
	t.Run("open", func(t *testing.T) {
		for name, env := range ways {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if r := with(l, t, env...).OK("vbackup", "restore", "web01", "-"); !bytes.Equal([]byte(r.Out), want) {
					t.Error("it comes back otherwise")
				}
			})
		}
	})
	for _, way := range []string{"escrow", "age", "SSH", "first of file", "recovery key"} {
		l := with(l, t, ways[way]...)
		l.OK("vbackup", "key", "remove", current(l))
		if r := l.Run("vbackup", "points"); r.Code != 12 {
			t.Errorf("%s, removed: exit code %d: %s", way, r.Code, r.Err)
		}
	}
	with(l, t, ways["last of file"]...).OK("vbackup", "verify", "--read-data")
}

// current gives the key slot in use.
func current(l *clitest.Lab) string {
	l.T.Helper()
	for _, s := range l.Lines(l.OK("vbackup", "key", "list", "--json").Out) {
		if s["current"] == true {
			return s["id"].(string)
		}
	}
	l.T.Fatal("no key slot is in use")
	return ""
}

// What opens nothing is told as such, in one sentence that has no secret in it.
func TestWaysThatDoNotOpen(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	owner := with(l, t, "VBACKUP_PASSWORD=one")
	owner.OK("vbackup", "init", "--escrow", identity(l, "escrow"))
	key := recoveryKey.FindString(owner.OK("vbackup", "key", "recovery").Out)
	identity(l, "stranger")
	write(l, "empty", "\n")
	typo := "0" + key[1:]
	if key[0] == '0' {
		typo = "1" + key[1:]
	}
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says string
	}{
		{"wrong identity", []string{"VBACKUP_IDENTITY_FILE=" + l.Path("stranger")}, []string{"points"}, 12, "identity"},
		{"wrong identity by flag", nil, []string{"points", "--identity", l.Path("stranger")}, 12, "identity"},
		{"flag before variable", []string{"VBACKUP_PASSWORD=one"}, []string{"points", "--identity", l.Path("stranger")}, 12, "identity"},
		{"flag beside a variable", []string{"VBACKUP_IDENTITY_FILE=" + l.Path("nowhere")}, []string{"points", "--password-file", l.Path("empty")}, 12, "it is empty"},
		{"file without identity", nil, []string{"points", "--identity", l.Path("empty")}, 12, "empty: neither age"},
		{"no such file", nil, []string{"points", "--identity", l.Path("nowhere")}, 12, "nowhere"},
		{"both wrong", []string{"VBACKUP_PASSWORD=two", "VBACKUP_IDENTITY_FILE=" + l.Path("stranger")}, []string{"points"}, 12, "wrong password"},
		{"typing error", []string{"VBACKUP_PASSWORD=" + typo}, []string{"points"}, 12, "typing error: its checksum"},
		{"a group is missing", []string{"VBACKUP_PASSWORD=" + key[5:]}, []string{"points"}, 12, "52 characters"},
		{"no recipient", []string{"VBACKUP_PASSWORD=one"}, []string{"key", "add", "--age", "web01"}, 2, "age recipient"},
		{"secret as recipient", []string{"VBACKUP_PASSWORD=one"}, []string{"key", "add", "--age", string(l.Bytes(l.Path("escrow")))}, 2, "secret key"},
		{"recipients of nobody", []string{"VBACKUP_PASSWORD=one"}, []string{"key", "add", "--age-file", l.Path("empty")}, 1, "it has none"},
		{"long label", []string{"VBACKUP_PASSWORD=one", "VBACKUP_NEW_PASSWORD=x"}, []string{"key", "add", "--label", strings.Repeat("x", 201)}, 1, "label of 201"},
		{"escrow of nothing", nil, []string{"init", "-r", l.Path("n"), "--no-encryption", "--escrow", "age1x"}, 2, "--escrow"},
		{"escrow to nobody", []string{"VBACKUP_PASSWORD=one"}, []string{"init", "-r", l.Path("n"), "--escrow", "bob"}, 2, "age recipient"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := with(l, t, c.env...).Run("vbackup", c.args...)
			sentence, _, _ := strings.Cut(r.Err, "\n")
			if r.Code != c.code || !strings.Contains(sentence, c.says) {
				t.Errorf("exit code %d: %s", r.Code, r.Err)
			}
			for _, secret := range []string{key[10:24], string(l.Bytes(l.Path("escrow"))[20:40])} {
				if strings.Contains(r.Err+r.Out, secret) {
					t.Errorf("it tells a secret: %s", r.Err)
				}
			}
		})
	}
}

// Who gives an identity does not read what someone put in the place of an encrypted repository.
func TestIdentityForNothing(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	identity(l, "x")
	if r := l.Run("vbackup", "points", "--identity", l.Path("x")); r.Code != 12 || !strings.Contains(r.Err, "not encrypted") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// Who opened by something else than a password gets one beside it; the last password goes with a warning, the last slot
// never.
func TestPasswordsBesideOtherKeys(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	with(l, t, "VBACKUP_PASSWORD=one").OK("vbackup", "init", "--escrow", identity(l, "x"))
	holder := with(l, t, "VBACKUP_IDENTITY_FILE="+l.Path("x"), "VBACKUP_NEW_PASSWORD=two")
	if r := holder.OK("vbackup", "key", "passwd"); !strings.Contains(r.Err, "added a password") {
		t.Errorf("passwd by an identity: %s", r.Err)
	}
	slots := l.Lines(holder.OK("vbackup", "key", "list", "--json").Out)
	kinds := map[any]int{}
	for _, s := range slots[:len(slots)-1] {
		kinds[s["kind"]]++
		if s["kind"] == "age" && (s["label"] != "escrow" || s["current"] != true || s["recipient"] == "") {
			t.Errorf("the age slot: %v", s)
		}
	}
	if kinds["password"] != 2 || kinds["age"] != 1 || len(slots) != 4 {
		t.Fatalf("key slots: %v", slots)
	}
	if table := holder.OK("vbackup", "key", "list").Out; !strings.Contains(table, "escrow age1") || strings.Count(table, "(in use)") != 1 {
		t.Errorf("the table: %s", table)
	}
	for i, password := range []string{"one", "two"} {
		id := current(with(l, t, "VBACKUP_PASSWORD="+password))
		if r := holder.OK("vbackup", "key", "remove", id); strings.Contains(r.Err, "no password is left") != (i == 1) {
			t.Errorf("removing %s: %s", password, r.Err)
		}
	}
	if r := holder.Run("vbackup", "key", "remove", current(holder)); r.Code != 1 || !strings.Contains(r.Err, "last key slot") {
		t.Errorf("the last slot: exit code %d: %s", r.Code, r.Err)
	}
}

// A recovery key that could not be written is taken back.
func TestRecoveryKeyThatNobodyGets(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=one")
	l.OK("vbackup", "init")
	gone, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	defer out.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, to := range []*os.File{full, out} {
		cmd := l.Command("vbackup", "key", "recovery")
		cmd.Stdout = to
		if cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("to %s: %v", to.Name(), cmd.ProcessState)
		}
	}
	if n := len(l.Lines(l.OK("vbackup", "key", "list", "--json").Out)); n != 2 {
		t.Errorf("%d lines of key slots", n)
	}
}

// Keys are rotated while a backup is under way and a mount is open: nothing is harmed, and all stays readable.
func TestRotate(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=one")
	l.OK("vbackup", "init", "--escrow", identity(l, "x"))
	disk := l.Disk("web01.raw", 2)
	l.OK("vbackup", "backup", disk)
	mounted := l.Path("mnt")
	if err := os.Mkdir(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := l.Start("vbfs", "mount", mounted)
	t.Cleanup(func() { syscall.Unmount(mounted, syscall.MNT_DETACH) })
	clitest.Until(t, "a mount", func() bool { _, err := os.Stat(mounted + "/machines/web01"); return err == nil })
	running := begin(t, l, l.Disk("web02.raw", 12))
	for n := 2.0; n <= 3; n++ {
		if r := l.Lines(l.OK("vbackup", "key", "rotate", "--json").Out); r[0]["master_key"] != n {
			t.Errorf("rotate: %v", r)
		}
	}
	l.OK("vbackup", "backup", l.Disk("web03.raw", 1))
	if r := running.End(0); r.Code != 0 {
		t.Fatalf("the backup that was under way: exit code %d: %s", r.Code, r.Err)
	}
	for _, name := range []string{"web01", "web02", "web03"} {
		image := mounted + "/machines/" + name + "/latest/disks/disk0.raw"
		clitest.Until(t, image, func() bool { _, err := os.Stat(image); return err == nil })
		l.Same(image, l.Bytes(l.Path(name+".raw")))
	}
	if r := mount.End(syscall.SIGINT); r.Code != 0 && r.Code != 130 {
		t.Errorf("the mount: exit code %d: %s", r.Code, r.Err)
	}
	l.OK("vbackup", "verify", "--read-data")
	with(l, t, "VBACKUP_IDENTITY_FILE="+l.Path("x")).OK("vbackup", "restore", "web03", l.Path("back.raw"))
	l.Same(l.Path("back.raw"), l.Bytes(l.Path("web03.raw")))
}
