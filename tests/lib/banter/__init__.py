"""Fixtures for every kind of test in Python: daemons, clients, programs.

  wait        deadlines, and asking again until something is true
  host        what this machine allows, and the reason when it does not
  files       files and directories that end with the test program
  process     child processes that end with the test program
  proc        what the kernel says of a process
  address     addresses that nobody else uses, and connections to them
  line        lines as the daemon writes them, and patterns for them
  connection  a socket as the peer sees it
  client      somebody who talks to a daemon, and what must come back
  command     the daemon's command line, run to its end
  daemon      a running daemon: configuration, log, clients
  manager     a miniature service manager, which keeps a daemon's descriptors
  names_store a running banter-store: stopped, killed, frozen, begun again
  case        test cases that look at how their daemons end, and main()
  actor       somebody who does everything, and what may be true of them
  storm       two dozen of them, and a daemon that is killed again and again
  poison      a store that was spoilt between two lives
  sleeper     somebody who does not read, and what reaches them
  fault       calls that fail in a running daemon, and who lives with it

Standard library only. Nothing here sleeps to let things happen, and nothing
binds a fixed port. Folders of tests have a link to this one, so that a test
started by hand finds it.

Environment:
  BANTERD     the command to test; may carry words before it (a valgrind line)
  BANTER_STORE the same for the store of names; not set: it is not built
  SOURCE_DIR  the top of the source tree
  DEADLINE    seconds to wait for one thing (default 20)
"""
