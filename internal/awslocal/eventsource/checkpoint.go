package eventsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// checkpoint remembers, for each shard of one stream, the last record that is
// done. It is kept in a file that is replaced as a whole, or in memory when
// there is no file.
type checkpoint struct {
	file string

	mu    sync.Mutex
	state state
	dirty bool
}

type state struct {
	Stream string              `json:"stream"`
	Shards map[string]position `json:"shards"`
}

// position is a place in a shard. Ended means that the shard is closed and
// all of it is done.
type position struct {
	Sequence string `json:"sequence_number,omitempty"`
	Ended    bool   `json:"ended,omitempty"`
}

// openCheckpoint starts afresh when the file belongs to another stream: the
// table was made anew.
func openCheckpoint(file, stream string) (*checkpoint, error) {
	c := &checkpoint{file: file, state: state{Stream: stream, Shards: map[string]position{}}}
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var kept state
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if kept.Stream == stream && kept.Shards != nil {
		c.state = kept
	}
	return c, nil
}

func (c *checkpoint) at(shard string) position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Shards[shard]
}

// pass moves a shard's position in memory: what was filtered out has no
// effect, so reading it again after a crash does no harm.
func (c *checkpoint) move(shard string, p position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Shards[shard] != p {
		c.state.Shards[shard] = p
		c.dirty = true
	}
}

// done moves a shard's position for good.
func (c *checkpoint) commit(shard string, p position) error {
	c.move(shard, p)
	return c.save()
}

// keepOnly forgets the shards that the stream no longer has.
func (c *checkpoint) retain(known map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for shard := range c.state.Shards {
		if !known[shard] {
			delete(c.state.Shards, shard)
			c.dirty = true
		}
	}
}

// save writes the file if anything has moved: to a sibling, to the disk, then
// into place, so that a crash leaves the old file or the new one.
func (c *checkpoint) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty || c.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(c.state, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.file), filepath.Base(c.file)+".part-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	c.dirty = false
	return nil
}
