// Package adapter brings in traffic that others carry: copies of requests that
// proxies mirror, and traces. Its folders each speak one protocol; what they
// share is here: who may send, how much may wait, and the form that addresses
// take. An adapter never forwards anything and never makes a sender wait for
// those who learn.
package adapter
