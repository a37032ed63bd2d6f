package cli

import (
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// A Work is something that takes long. Its counters are polled.
type Work struct {
	Name  string
	Now   func() string // in place of Name, when what is at work changes
	Total func() int64  // bytes; may grow
	Done  func() int64
}

func (w Work) name() string {
	if w.Now != nil {
		return w.Now()
	}
	return w.Name
}

// How often progress is told: on a terminal, and as JSON.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = time.Second
)

// During runs do and shows how far the work is meanwhile.
func (a *App) During(w Work, do func() error) error {
	show := a.show(w)
	if show == nil {
		return do()
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		show(stop)
	}()
	defer func() {
		close(stop)
		<-ended
	}()
	return do()
}

// show gives what shows progress until stop is closed; nil when nobody wants to see it.
func (a *App) show(w Work) func(stop <-chan struct{}) {
	switch {
	case a.Flags.NoProgress:
		return nil
	case a.Flags.JSON:
		return func(stop <-chan struct{}) { a.lines(w, stop) }
	case a.Flags.Quiet || !term.IsTerminal(int(os.Stderr.Fd())):
		return nil
	}
	return func(stop <-chan struct{}) { a.bar(w, stop) }
}

// bar draws a bar on standard error. Messages go above it meanwhile.
func (a *App) bar(w Work, stop <-chan struct{}) {
	p := mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40), mpb.WithRefreshRate(barEvery))
	bar := p.AddBar(0,
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return Printable(w.name()) }, decor.WCSyncSpaceR), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f"), decor.Name(" "),
			decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")),
	)
	a.mu.Lock()
	a.stderr = p
	a.mu.Unlock()
	poll(barEvery, stop, func() {
		bar.SetTotal(w.Total(), false)
		bar.SetCurrent(w.Done())
	})
	a.mu.Lock()
	a.stderr = os.Stderr
	a.mu.Unlock()
	bar.Abort(true)
	p.Wait()
}

// A progress line is what --json tells meanwhile.
type progressLine struct {
	Type    string  `json:"type"`
	Name    string  `json:"name"`
	Total   int64   `json:"total_bytes"`
	Done    int64   `json:"done_bytes"`
	Rate    int64   `json:"bytes_per_second"`
	Seconds float64 `json:"seconds"`
	Left    float64 `json:"seconds_left"`
}

func (a *App) lines(w Work, stop <-chan struct{}) {
	start := time.Now()
	poll(lineEvery, stop, func() {
		l := progressLine{Type: "progress", Name: w.name(), Total: w.Total(), Done: w.Done()}
		l.Seconds = time.Since(start).Seconds()
		l.Rate = int64(float64(l.Done) / l.Seconds)
		if l.Rate > 0 {
			l.Left = float64(l.Total-l.Done) / float64(l.Rate)
		}
		a.Line(l)
	})
}

// poll calls tick again and again until stop is closed.
func poll(every time.Duration, stop <-chan struct{}, tick func()) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			tick()
		}
	}
}
