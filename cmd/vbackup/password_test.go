package main

import (
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// Where a password comes from, and what goes before what.
func TestPasswords(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	for name, text := range map[string]string{"right": "secret\n", "wrong": "guess\n", "empty": "\n"} {
		if err := os.WriteFile(l.Path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.OK("vbackup", "init", "--password-file", l.Path("right"))
	const file, command, itself = "VBACKUP_PASSWORD_FILE=", "VBACKUP_PASSWORD_COMMAND=", "VBACKUP_PASSWORD="
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says string
	}{
		{"file", []string{file + l.Path("right")}, nil, 0, ""},
		{"command", []string{command + "printf 'sec''ret\\n'"}, nil, 0, ""},
		{"itself", []string{itself + "secret"}, nil, 0, ""},
		{"flag before variables", []string{file + l.Path("wrong")}, []string{"--password-file", l.Path("right")}, 0, ""},
		{"file before command", []string{file + l.Path("right"), command + "false"}, nil, 0, ""},
		{"command before itself", []string{command + "echo secret", itself + "guess"}, nil, 0, ""},
		{"wrong", []string{itself + "guess"}, nil, 12, "wrong password"},
		{"none", nil, nil, 12, "VBACKUP_PASSWORD_FILE, VBACKUP_PASSWORD_COMMAND, VBACKUP_PASSWORD"},
		{"empty file", []string{file + l.Path("empty")}, nil, 12, "it is empty"},
		{"no such file", []string{file + l.Path("nowhere")}, nil, 12, "nowhere"},
		{"command that fails", []string{command + "exit 3"}, nil, 12, "VBACKUP_PASSWORD_COMMAND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := *l
			l.T, l.Env = t, append(append([]string{}, l.Env...), c.env...)
			r := l.Run("vbackup", append([]string{"points"}, c.args...)...)
			if r.Code != c.code || !strings.Contains(r.Err, c.says) {
				t.Errorf("exit code %d: %s", r.Code, r.Err)
			}
		})
	}
}

// Who gives a password does not read what someone put in the place of an encrypted repository.
func TestPasswordForNothing(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=secret")
	if r := l.Run("vbackup", "points"); r.Code != 12 || !strings.Contains(r.Err, "not encrypted") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// A password is changed by who knows one, and the last one stays.
func TestKeys(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	with := func(password, other string) *clitest.Lab {
		l := *l
		l.Env = append(append([]string{}, l.Env...), "VBACKUP_PASSWORD="+password, "VBACKUP_NEW_PASSWORD="+other)
		return &l
	}
	with("one", "").OK("vbackup", "init")
	with("one", "two").OK("vbackup", "key", "add", "--label", "second")
	slots := l.Lines(with("two", "").OK("vbackup", "key", "list", "--json").Out)
	if len(slots) != 3 || slots[2]["type"] != "summary" {
		t.Fatalf("key slots: %v", slots)
	}
	for _, s := range slots[:2] {
		if s["current"] == false {
			with("two", "").OK("vbackup", "key", "remove", s["id"].(string))
		}
	}
	if r := with("one", "").Run("vbackup", "points"); r.Code != 12 {
		t.Errorf("a removed password: exit code %d", r.Code)
	}
	with("two", "three").OK("vbackup", "key", "passwd")
	left := l.Lines(with("three", "").OK("vbackup", "key", "list", "--json").Out)
	if r := with("three", "").Run("vbackup", "key", "remove", left[0]["id"].(string)); r.Code != 1 {
		t.Errorf("the last key slot: exit code %d: %s", r.Code, r.Err)
	}
	with("three", "").OK("vbackup", "points")
}

// On a terminal a new password is asked for twice, and never shown.
func TestAsking(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	code, screen := l.OnTerminal([]string{"secret", "secreT"}, "vbackup", "init")
	if code != 12 || !strings.Contains(screen, "differ") {
		t.Errorf("two that differ: exit code %d: %s", code, screen)
	}
	if code, screen = l.OnTerminal([]string{"secret", "secret"}, "vbackup", "init"); code != 0 {
		t.Fatalf("exit code %d: %s", code, screen)
	}
	if strings.Contains(screen, "secret\r") || !strings.Contains(screen, "Password for the new repository") {
		t.Errorf("the screen shows %q", screen)
	}
	if code, screen = l.OnTerminal([]string{"secret"}, "vbackup", "points"); code != 0 {
		t.Errorf("exit code %d: %s", code, screen)
	}
}
