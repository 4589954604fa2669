package proxywasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

const (
	// startLimit is the time in which an instance must be ready; it is longer
	// than that of a call, for runtimes of languages start in it.
	startLimit = 5 * time.Second
	// rootID is the number of the root context.
	rootID = 1
)

// instance is one instance of a module. Whoever uses it holds its lock.
type instance struct {
	plugin *plugin
	mod    api.Module
	watch  *watch
	calls  map[string]api.Function
	alloc  api.Function
	stack  [8]uint64
	lock   chan struct{}
	dead   error

	root     *session
	sessions map[uint32]*session
	next     uint32
	token    uint32
	// current is the session of the call that runs, or what the module chose as
	// effective context; logged counts its log lines.
	current *session
	logged  int
	// reply is the answer of a service while the module reads it.
	reply *reply
	// ready are queues that were filled during the call.
	ready []uint32

	tick     time.Duration
	nextTick time.Time

	live   int  // exchanges assigned; guarded by the plugin
	pooled bool // it serves; guarded by the lock
}

type instanceKey struct{}

// spawn makes an instance and configures it.
func (p *plugin) spawn() (*instance, error) {
	in := &instance{
		plugin: p, calls: make(map[string]api.Function), lock: make(chan struct{}, 1),
		sessions: make(map[uint32]*session), next: rootID,
	}
	in.watch = newWatch(in)
	in.root = &session{in: in, id: rootID}
	in.current = in.root
	clock := sys.ClockResolution(time.Millisecond)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithStdout(lines{in}).WithStderr(lines{in}).WithRandSource(rand.Reader).
		WithWalltime(func() (int64, int32) {
			now := p.now()
			return now.Unix(), int32(now.Nanosecond()) //nolint:gosec // below a billion
		}, clock).
		WithNanotime(func() int64 { return p.now().UnixNano() }, clock)
	in.watch.begin(startLimit)
	mod, err := p.module.runtime.InstantiateModule(in.watch, p.module.compiled, config)
	in.watch.end()
	if err != nil {
		return nil, fmt.Errorf("instantiating the module: %w", p.explain(err, startLimit))
	}
	in.mod = mod
	for _, c := range callbacks() {
		if f := mod.ExportedFunction(c.name); f != nil {
			in.calls[c.name] = f
		}
	}
	if in.alloc = in.calls[onMemoryAllocate]; in.alloc == nil {
		in.alloc = in.calls[malloc]
	}
	if err := in.configure(); err != nil {
		in.kill(err)
		return nil, err
	}
	return in, nil
}

// configure starts the module and gives it its configuration.
func (in *instance) configure() error {
	in.lock <- struct{}{}
	defer in.release()
	first := initialize
	if in.calls[first] == nil {
		first = start
	}
	if _, err := in.callWithin(startLimit, in.root, first, 0); err != nil {
		return err
	}
	if _, err := in.callWithin(startLimit, in.root, onContextCreate, 0, rootID, 0); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		size int
	}{{onVMStart, 0}, {onConfigure, len(in.plugin.config)}} {
		ok, err := in.callWithin(startLimit, in.root, step.name, 1, rootID, uint64(step.size)) //nolint:gosec // a length
		if err != nil {
			return err
		}
		if ok == 0 {
			return fmt.Errorf("the module refuses its configuration (%s answered false); its log may say why", step.name)
		}
	}
	in.rootCalls()
	return nil
}

// acquire waits for the instance.
func (in *instance) acquire(ctx context.Context) error {
	select {
	case in.lock <- struct{}{}:
	default:
		select {
		case in.lock <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("waiting for an instance: %w", ctx.Err())
		}
	}
	if in.dead != nil {
		in.release()
		return errDead
	}
	return nil
}

func (in *instance) release() { <-in.lock }

// kill ends an instance whose state can't be trusted any more.
func (in *instance) kill(why error) {
	if in.dead != nil {
		return
	}
	in.dead = why
	in.plugin.drop(in)
	_ = in.mod.Close(context.Background())
	for _, s := range in.sessions {
		s.signal()
	}
	clear(in.sessions)
}

// call runs one export under the limit of time, and gives absent when the
// module has none of this name. After an error the instance is dead.
func (in *instance) call(s *session, name string, absent uint64, args ...uint64) (uint64, error) {
	return in.callWithin(in.plugin.limit, s, name, absent, args...)
}

func (in *instance) callWithin(limit time.Duration, s *session, name string, absent uint64, args ...uint64) (uint64, error) {
	f := in.calls[name]
	if f == nil {
		return absent, nil
	}
	in.current, in.logged = s, 0
	copy(in.stack[:], args)
	in.watch.begin(limit)
	err := f.CallWithStack(in.watch, in.stack[:])
	if late := !in.watch.end(); late && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, in.plugin.explain(err, limit))
		in.kill(err)
		return 0, err
	}
	result := uint64(uint32(in.stack[0])) //nolint:gosec // an i32
	for len(in.ready) > 0 && name != onQueueReady {
		token := in.ready[0]
		in.ready = in.ready[1:]
		if _, err := in.callWithin(limit, in.root, onQueueReady, 0, rootID, uint64(token)); err != nil {
			return 0, err
		}
	}
	return result, nil
}

// explain says in one line why a call of the module ended.
func (p *plugin) explain(err error, limit time.Duration) error {
	var exit *sys.ExitError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &exit) && (exit.ExitCode() == sys.ExitCodeDeadlineExceeded || exit.ExitCode() == sys.ExitCodeContextCanceled):
		return fmt.Errorf("the module computed longer than %v and was stopped", limit)
	case errors.As(err, &exit):
		return fmt.Errorf("the module ended itself with code %d", exit.ExitCode())
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	first = strings.TrimSuffix(strings.TrimSuffix(first, " (recovered by wazero)"), "wasm stack trace:")
	return fmt.Errorf("the module trapped: %s", clean(first, 200))
}

// tickIfDue calls proxy_on_tick when its time has come, and says how long it is
// until the next one.
func (in *instance) tickIfDue(ctx context.Context) time.Duration {
	if in.acquire(ctx) != nil {
		return time.Second
	}
	defer in.release()
	if in.tick == 0 {
		return time.Second
	}
	if rest := in.nextTick.Sub(in.plugin.now()); rest > 0 {
		return rest
	}
	in.nextTick = in.plugin.now().Add(in.tick)
	if _, err := in.call(in.root, onTick, 0, rootID); err != nil {
		in.plugin.log.Error("a custom policy was stopped", "error", err.Error())
		return time.Second
	}
	in.rootCalls()
	in.wakeAll()
	return in.tick
}
