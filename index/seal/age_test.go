package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"vbfs/index/format"
)

// A pair is what somebody has: a recipient to give away, and the file of its secret half.
type pair struct{ recipient, file string }

func pairs(t *testing.T) map[string]pair {
	t.Helper()
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]pair{
		"X25519":  {x.Recipient().String(), "# created: today\n\n" + x.String() + "\n"},
		"hybrid":  {pq.Recipient().String(), pq.String() + "\n"},
		"ed25519": sshPair(t, edPublic, ed),
		"rsa":     sshPair(t, &r.PublicKey, r),
	}
}

func sshPair(t *testing.T, public, private any) pair {
	t.Helper()
	p, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p)))
	return pair{line + " root@web01", string(pem.EncodeToMemory(b))}
}

// Each kind of recipient gets a slot that its own identity opens, and no other.
func TestAgeSlots(t *testing.T) {
	t.Parallel()
	root := [32]byte{7, 8, 9}
	all := pairs(t)
	for name, p := range all {
		to, err := ParseRecipient(p.recipient)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.Contains(to.Text, "web01") {
			t.Errorf("%s: the comment is kept: %s", name, to.Text)
		}
		made, err := NewAgeSlot(root, to, "escrow")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := new(format.KeySlot)
		if err := s.Unmarshal(made.Marshal()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for other, q := range all {
			ids, err := ParseIdentities([]byte(q.file))
			if err != nil {
				t.Fatalf("%s: %v", other, err)
			}
			got, err := (Secrets{Identities: ids}).Open(s)
			if other == name && (err != nil || got != root) || other != name && !errors.Is(err, ErrIdentity) {
				t.Errorf("slot for %s, identity %s: %x, %v", name, other, got, err)
			}
		}
	}
}

// What does not hold exactly a root key, or is no age file, opens nothing.
func TestHostileAgeSlots(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 31, 33, 9000} {
		var file bytes.Buffer
		w, err := age.Encrypt(&file, id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, n))
		w.Close()
		if _, err := openAge(&format.KeySlot{Kind: format.SlotAge, Wrapped: file.Bytes()}, []age.Identity{id}); err == nil {
			t.Errorf("%d bytes are a root key", n)
		}
	}
}

func FuzzAgeSlotOpened(f *testing.F) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	s, err := NewAgeSlot([32]byte{1}, Recipient{key: id.Recipient()}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Wrapped)
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := openAge(&format.KeySlot{Kind: format.SlotAge, Wrapped: b}, []age.Identity{id})
		if err == nil && root != [32]byte{1} {
			t.Fatalf("%x opens", b)
		}
	})
}

// What is wrong is told without what was given: it may be secret.
func TestWhatIsNoRecipientOrIdentity(t *testing.T) {
	t.Parallel()
	secret, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "web01", "ssh-dss AAAA", secret.String(), strings.ToLower(secret.String()), "x " + secret.String()} {
		if _, err := ParseRecipient(text); err == nil || text != "" && len(text) > 20 && strings.Contains(err.Error(), text[10:]) {
			t.Errorf("recipient %q: %v", text, err)
		}
	}
	typo := secret.String()[:30] + "QQ" + secret.String()[32:]
	for _, text := range []string{"", "secret", typo, secret.Recipient().String()} {
		if _, err := ParseIdentities([]byte(text)); err != errIdentity {
			t.Errorf("identity %q: %v", text, err)
		}
	}
}
