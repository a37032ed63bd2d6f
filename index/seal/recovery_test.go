package seal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vbfs/index/format"
)

func TestRecoveryKeyAsTyped(t *testing.T) {
	t.Parallel()
	var fixed RecoveryKey
	for i := range fixed.secret {
		fixed.secret[i] = byte(i)
	}
	const text = "000G-40R4-0M30-E209-185G-R38E-1W81-24GK-2GAH-C5RR-34D1-P70X-3RFJ-PWV9"
	if got := NewRecoveryKey().Text(); len(got) != 56+13 {
		t.Errorf("%d characters", len(got))
	}
	printed := fixed.Text()
	if printed != text { // computed by another program: papers are kept for long
		t.Errorf("the fixed key is printed as %s", printed)
	}
	for name, typed := range map[string]string{
		"printed":        printed,
		"small":          strings.ToLower(printed),
		"spaces":         " " + strings.ReplaceAll(printed, "-", "  ") + "\r\n",
		"no groups":      strings.ReplaceAll(printed, "-", ""),
		"two lines":      printed[:35] + "\n" + printed[35:],
		"another dash":   strings.ReplaceAll(printed, "-", "–"),
		"letters":        strings.NewReplacer("0", "o", "1", "l").Replace(printed),
		"capital letter": strings.NewReplacer("0", "O", "1", "I").Replace(printed),
	} {
		if k, err := ParseRecoveryKey([]byte(typed)); err != nil || k != fixed {
			t.Errorf("%s: %q: %v", name, typed, err)
		}
	}
}

// Every single wrong character and every two that changed places are told, and so is a group left out.
func TestRecoveryKeyTypingErrors(t *testing.T) {
	t.Parallel()
	k := NewRecoveryKey()
	s := strings.ReplaceAll(k.Text(), "-", "")
	wrong := []string{s[4:], s + s[:4], s[1:], s + "0"}
	for i := range s {
		for _, c := range crockfordChars {
			if byte(c) != s[i] {
				wrong = append(wrong, s[:i]+string(c)+s[i+1:])
			}
		}
		if i > 0 && s[i] != s[i-1] {
			wrong = append(wrong, s[:i-1]+s[i:i+1]+s[i-1:i]+s[i+1:])
		}
	}
	for _, w := range wrong {
		if _, err := ParseRecoveryKey([]byte(w)); !errors.Is(err, ErrTyping) || strings.Contains(err.Error(), w) {
			t.Fatalf("%s typed as %s: %v", s, w, err)
		}
	}
	for _, other := range []string{"", "secret", "correct horse battery staple", strings.Repeat("U", 56), strings.Repeat("0", 100)} {
		if _, err := ParseRecoveryKey([]byte(other)); err == nil || errors.Is(err, ErrTyping) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// No verb prints a key by the way.
func TestRecoveryKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	k := NewRecoveryKey()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "a recovery key" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func FuzzRecoveryKey(f *testing.F) {
	f.Add([]byte(NewRecoveryKey().Text()))
	f.Add([]byte("correct horse"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseRecoveryKey(b)
		if err != nil {
			return
		}
		if again, err := ParseRecoveryKey([]byte(k.Text())); err != nil || again != k {
			t.Fatalf("%q is printed as what is not read", b)
		}
	})
}

func TestRecoverySlot(t *testing.T) {
	t.Parallel()
	k, root := NewRecoveryKey(), [32]byte{1, 2, 3}
	s := NewRecoverySlot(root, k, "safe")
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, err := (Secrets{Password: []byte(k.Text())}).Open(s); err != nil || got != root {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := (Secrets{Password: []byte(NewRecoveryKey().Text())}).Open(s); !errors.Is(err, ErrPassword) {
		t.Errorf("another key: %v", err)
	}
	other := *s
	other.Kind = format.SlotPassword
	if _, err := openRecovery(&other, k); err == nil {
		t.Error("a slot opens as another kind")
	}
	s.Wrapped[0] ^= 1
	if _, err := (Secrets{Password: []byte(k.Text())}).Open(s); !errors.Is(err, ErrPassword) {
		t.Errorf("damaged: %v", err)
	}
}
