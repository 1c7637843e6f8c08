// NIO's errors in the system's words, and the few of them that have a case of their own.

import LogStore
import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func describe(_ error: any Error) -> String {
  switch error {
  case let error as IOError: errnoText(error.errnoCode)
  case let error as TransportError: error.description
  case ChannelError.connectTimeout: "no answer in time"
  case ChannelError.eof, ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed:
    "the peer closed it"
  case let error as NIOConnectionError: describe(error)
  default: "\(error)"
  }
}

private func describe(_ error: NIOConnectionError) -> String {
  let reasons = error.connectionErrors.map { "\(describe($0.error))" }
  if !reasons.isEmpty { return reasons.joined(separator: "; ") }
  return "the name \(error.host) can't be resolved"
}

/// Why no connection with `address` came about.
func connectError(_ address: HostPort, _ error: any Error) -> TransportError {
  var causes: [any Error] = [error]
  if let many = error as? NIOConnectionError, !many.connectionErrors.isEmpty {
    causes = many.connectionErrors.map { $0.error }
  }
  let codes = causes.map { ($0 as? IOError)?.errnoCode }
  if codes.allSatisfy({ $0 == ECONNREFUSED }) { return .refused(address) }
  if causes.allSatisfy({
    if case ChannelError.connectTimeout = $0 { true } else { false }
  }) {
    return .timedOut(peer: address.description, waitingFor: "a connection")
  }
  return .unreachable(address, reason: describe(error))
}

/// Why `address` can't be listened on.
func listenError(_ address: HostPort, _ error: any Error) -> TransportError {
  if let error = error as? IOError, error.errnoCode == EADDRINUSE {
    return .addressInUse(address)
  }
  return .cannotListen(address, reason: describe(error))
}
