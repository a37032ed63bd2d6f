package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

// A verification is the command and its flags.
type verification struct {
	app      *cli.App
	readData string
	sources  []string
	format   string
}

func verifyCommand(app *cli.App) *cobra.Command {
	v := &verification{app: app}
	cmd := &cobra.Command{
		Use:   "verify [POINT…]",
		Short: "Prove that points can be read, and name what cannot",
		Long: `Verify points, or everything: manifests, maps, digests, and that the packs are there and agree with the maps. With
--read-data every byte is read too, or a part. --read-data=10% reads that share of the bytes, and begins with what was
verified least recently: ten nights come by everything. --read-data=2/7 reads the second of seven parts; a pack is always
of the same part, whatever is added or deleted in between. What is damaged is named, with the bytes of the disks that it
hurts; the exit code is 4.

What was read in full and found good is recorded in the repository, with the instant: points and show tell as of when a
point is known to be whole.

With --source the disks of one POINT are compared with the disks that they were captured from, or with a copy of them:
both are read, and the ranges that differ are listed; the exit code is 1. The disk of a running machine changes all the
time, so differences say nothing about it.`,
		Example: `vbackup verify -r /srv/backup
vbackup verify -r /srv/backup --read-data=10%
vbackup verify -r /srv/backup web01 db01@2026-11-19 --read-data
vbackup verify -r /srv/backup web01 --source vda=/dev/vg0/web01`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(v.sources) > 0 {
				return v.compare(cmd.Context(), args)
			}
			return v.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.readData, "read-data", "", "read all data, or a part: 10% or n/t")
	f.Lookup("read-data").NoOptDefVal = "100%"
	f.StringArrayVar(&v.sources, "source", nil, "compare a disk with `DISK=SOURCE`, a source as of backup; without DISK= that of the only disk")
	f.StringVar(&v.format, "format", "", "of files that are sources: raw, qcow2, vmdk, vhdx or vdi (default by name and content)")
	complete(cmd, "format", "raw", "qcow2", "vmdk", "vhdx", "vdi")
	return cmd
}

func (v *verification) run(ctx context.Context, args []string) error {
	var progress index.Progress
	o := index.VerifyOptions{Progress: &progress}
	if err := v.part(&o); err != nil {
		return err
	}
	start := time.Now()
	return v.app.WithRepository(ctx, 0, func(repo *index.Repository) (err error) {
		if o.Points, err = selected(ctx, repo, args); err != nil {
			return err
		}
		var problems []*index.Problem
		err = v.app.During(onPacks("verify", &progress), func() (err error) {
			problems, err = repo.Verify(ctx, o)
			return err
		})
		if err != nil && !errors.Is(err, index.ErrUnrecorded) {
			return err
		}
		return v.report(ctx, repo, problems, err, &progress, time.Since(start))
	})
}

// selected finds points; nil for all.
func selected(ctx context.Context, repo *index.Repository, args []string) (out []*format.Manifest, err error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		s := index.ParseSelector(arg)
		if s.Disk != "" {
			return nil, cli.Usage("%s names a disk: points are verified as a whole", arg)
		}
		p, err := s.Find(points)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// part reads --read-data.
func (v *verification) part(o *index.VerifyOptions) error {
	s := v.readData
	if s == "" {
		return nil
	}
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		p, err := strconv.ParseFloat(percent, 64)
		if err == nil && p > 0 && p <= 100 {
			o.Share = p / 100
			return nil
		}
	}
	if first, second, ok := strings.Cut(s, "/"); ok {
		n, err := strconv.ParseUint(first, 10, 32)
		t, err2 := strconv.ParseUint(second, 10, 32)
		if err == nil && err2 == nil && 1 <= n && n <= t {
			o.ReadData = func(id format.PackID) bool { return binary.LittleEndian.Uint64(id[:])%t == n-1 }
			return nil
		}
	}
	return cli.Usage("--read-data=%s is neither a share as 10%% nor a part as 2/7", s)
}

// A problemLine is a problem in JSON.
type problemLine struct {
	Type   string     `json:"type"`
	Object string     `json:"object"`
	What   string     `json:"message"`
	Hurts  []hurtLine `json:"hurts"`
}

type hurtLine struct {
	Machine string `json:"machine"`
	Name    string `json:"name"`
	Point   string `json:"id"`
	Disk    string `json:"disk"`
	Offset  int64  `json:"offset_bytes"`
	Length  int64  `json:"length_bytes"`
}

// recently is what counts as verified lately.
const recently = 30 * 24 * time.Hour

// A verifyLine is the summary in JSON.
type verifyLine struct {
	Type      string         `json:"type"`
	Points    int64          `json:"points"`
	Bytes     int64          `json:"packs_bytes"`
	Packs     int64          `json:"packs"`
	Read      int64          `json:"read_bytes"`
	Problems  int            `json:"problems"`
	Foreign   int            `json:"foreign"`
	Whole     int64          `json:"repository_bytes"` // of all packs
	Recorded  bool           `json:"recorded"`
	Share     float64        `json:"verified_share"`
	ShareDays int            `json:"verified_share_days"`
	Never     int64          `json:"never_verified_bytes"`
	Oldest    report.Instant `json:"oldest_verified_at"`
	Seconds   float64        `json:"seconds"`
}

// report tells what was found. unrecorded is why the next verification will not know of this one, or nil.
func (v *verification) report(ctx context.Context, repo *index.Repository, problems []*index.Problem, unrecorded error,
	p *index.Progress, took time.Duration) error {
	c, err := repo.Coverage(ctx, time.Now().Add(-recently))
	if err != nil {
		return err
	}
	l := verifyLine{
		Type: "summary", Points: p.Points.Load(), Bytes: p.Seen.Load(), Whole: c.Bytes, Packs: p.Packs.Load(), Read: p.Read.Load(),
		Recorded: unrecorded == nil, Share: share(c.Since, c.Bytes), ShareDays: int(recently.Hours()) / 24,
		Never: c.Never, Oldest: report.Instant{Time: c.Oldest}, Seconds: took.Seconds(),
	}
	for _, problem := range problems {
		if err := v.tell(problem); err != nil {
			return err
		}
		if errors.Is(problem.What, index.ErrForeign) {
			l.Foreign++
		} else {
			l.Problems++
		}
	}
	if err := v.summarize(l, took); err != nil {
		return err
	}
	switch {
	case l.Problems > 0:
		if unrecorded != nil {
			v.app.Tell(ctx, unrecorded)
		}
		return cli.Told(cli.Damaged)
	case unrecorded != nil && v.readData == "": // all that it would have known is in the record of before
		v.app.Warn("%v", unrecorded)
		return nil
	}
	return unrecorded
}

func share(part, all int64) float64 {
	if all == 0 {
		return 1
	}
	return float64(part) / float64(all)
}

func (v *verification) summarize(l verifyLine, took time.Duration) error {
	if v.app.Flags.JSON {
		return v.app.Line(l)
	}
	if v.app.Flags.Quiet && l.Problems == 0 {
		return nil
	}
	read := "no data read"
	if v.readData != "" {
		read = fmt.Sprintf("read all of %d packs, %s", l.Packs, cli.Size(l.Read))
	}
	if err := v.app.Result("verified %d points in %s, %s: %d problems", l.Points, cli.Took(took), read, l.Problems); err != nil {
		return err
	}
	return v.app.Result("%s", covered(l))
}

// covered says how much of the repository was read lately.
func covered(l verifyLine) string {
	s := fmt.Sprintf("%.1f %% of %s was read and found good within %d days", 100*l.Share, cli.Size(l.Whole), l.ShareDays)
	if l.Never > 0 {
		s += fmt.Sprintf(", %s never", cli.Size(l.Never))
	}
	if !l.Oldest.IsZero() {
		s += "; the oldest verification is of " + cli.Instant(l.Oldest.Time)
	}
	return s
}

func (v *verification) tell(p *index.Problem) error {
	kind, word := "problem", "damaged"
	if errors.Is(p.What, index.ErrForeign) {
		kind, word = "foreign", "foreign"
	}
	if v.app.Flags.JSON {
		return v.app.Line(problemLineOf(kind, p))
	}
	if err := v.app.Result("%s: %s: %v", word, p.Object, p.What); err != nil {
		return err
	}
	for _, h := range p.Hurts {
		if err := v.app.Result("  hurts %s", hurt(h)); err != nil {
			return err
		}
	}
	if len(p.Hurts) == 0 {
		return v.app.Result("  hurts no point")
	}
	return nil
}

func problemLineOf(kind string, p *index.Problem) problemLine {
	line := problemLine{kind, p.Object, p.What.Error(), []hurtLine{}}
	for _, h := range p.Hurts {
		line.Hurts = append(line.Hurts, hurtLine{h.Machine, h.Name, h.Point.String(), h.Disk, h.Off, h.Len})
	}
	return line
}

// hurt names what cannot be read.
func hurt(h index.Hurt) string {
	switch {
	case h.Machine == "":
		return fmt.Sprintf("point %v, all of it", h.Point)
	case h.Disk == "":
		return fmt.Sprintf("%s@%s, all of it", h.Machine, h.Name)
	}
	return fmt.Sprintf("%s@%s:%s, %d bytes at %d", h.Machine, h.Name, h.Disk, h.Len, h.Off)
}

// onPacks is work that goes over packs.
func onPacks(name string, p *index.Progress) cli.Work {
	return cli.Work{Name: name, Total: p.Total.Load, Done: p.Done.Load}
}
