package server

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connections limits the open connections of a listener. Further connections get status 503 at once.
type connections struct {
	net.Listener
	max      int64
	open     *atomic.Int64
	rejected *atomic.Uint64
	closing  chan struct{} // limits the connections that are being rejected
}

const (
	maxClosing    = 64
	rejectTimeout = time.Second
)

func limitConnections(l net.Listener, limit int, m *metrics) net.Listener {
	return &connections{
		Listener: l, max: int64(limit), open: &m.connections, rejected: &m.rejectedConnections,
		closing: make(chan struct{}, maxClosing),
	}
}

// Accept returns the next connection within the limit.
func (l *connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.max || l.max == 0 {
			return l.count(c), nil
		}
		l.open.Add(-1)
		l.rejected.Add(1)
		select {
		case l.closing <- struct{}{}:
			go l.reject(c)
		default:
			_ = c.Close()
		}
	}
}

// reject answers a connection without reading its request, then waits shortly for the client to close: closing a connection
// with unread data would reset it before the client has read the response.
func (l *connections) reject(c net.Conn) {
	defer func() {
		_ = c.Close()
		<-l.closing
	}()
	_ = c.SetDeadline(time.Now().Add(rejectTimeout))
	if _, err := io.WriteString(c, rejectedConnection); err != nil {
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, c)
}

const rejectedConnection = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: " + retryAfterOverload +
	"\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: 116\r\n\r\n" +
	`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"too many open connections; retry later"}` + "\n"

// count returns a connection that is subtracted from the open ones when it is closed.
func (l *connections) count(c net.Conn) net.Conn {
	closed := sync.OnceFunc(func() { l.open.Add(-1) })
	if tcp, ok := c.(*net.TCPConn); ok { // keeps CloseWrite, which net/http uses
		return &countedTCPConn{tcp, closed}
	}
	return &countedConn{c, closed}
}

type countedTCPConn struct {
	*net.TCPConn
	closed func()
}

// Close closes the connection.
func (c *countedTCPConn) Close() error {
	defer c.closed()
	return c.TCPConn.Close()
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
