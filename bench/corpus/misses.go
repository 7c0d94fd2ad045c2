package main

import (
	"bufio"
	"encoding/json"
	"os"
)

// miss is one probe that did not end as it should.
type miss struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	Place   string `json:"place"`
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Attack  bool   `json:"attack"`
	Payload string `json:"payload,omitempty"`
	Target  string `json:"target,omitempty"`
}

// writeMisses writes the attacks that were not stopped and the harmless requests that did not pass, one a line.
func writeMisses(path string, probes []*probe) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	for _, p := range probes {
		if p.attack && p.outcome == stopped || !p.attack && p.outcome == passed {
			continue
		}
		m := miss{p.entry.ID, p.group, p.place, p.outcome, p.answer.status, p.answer.code, p.attack, p.entry.Payload, p.entry.URI}
		if err := e.Encode(m); err != nil {
			break // the writer keeps its error
		}
	}
	if err := out.Flush(); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
