// Bytes of a segment that somebody offers, checked against what is held. Nothing of an offer is
// believed before its frames were verified one by one, and nothing is stored unless all of them
// are good: the receiver's end stays a frame boundary whatever arrives.

struct Offer {
  var name: SegmentName
  var offset: UInt64
  var bytes: UnsafeRawBufferPointer
  /// What is held, if anything.
  var held: SegmentEnd?
  /// Test only: take frames wherever they say they belong.
  var ignoresPlaces = false
  /// Test only: make room for a frame by the size that it tells, before that is checked.
  var believesSizes = false

  /// What is new in the offer, verified, ready to be written at `writeAt`.
  struct News {
    var bytes: UnsafeRawBufferPointer
    var writeAt: UInt64
    var end: SegmentEnd
    var starts: [(ordinal: Ordinal, offset: UInt64)] = []
  }

  enum Relation {
    /// The offer adds nothing: what it holds is held already, byte for byte.
    case known
    case news(News)
    /// The bytes differ from those held, from `index` on.
    case differs(index: Int)
  }

  /// `read` gives held bytes; it is asked only for what the offer overlaps.
  func relation(
    decoder: inout PayloadDecoder,
    read: (UInt64, Int) throws(LogError) -> [UInt8]
  ) throws(IngestError) -> Relation {
    guard !bytes.isEmpty else { return .known }
    guard let held else { return .news(try fresh(&decoder)) }
    if ignoresPlaces && offset != held.end.value { return .news(try news(from: 0, &decoder)) }
    guard offset <= held.end.value else { throw .gap(end: held) }
    let overlap = Int(min(UInt64(bytes.count), held.end.value - offset))
    if overlap > 0, let index = try firstDifference(overlap, read) {
      return .differs(index: index)
    }
    if overlap == bytes.count { return .known }
    return .news(try news(from: overlap, &decoder))
  }

  private func firstDifference(
    _ overlap: Int, _ read: (UInt64, Int) throws(LogError) -> [UInt8]
  ) throws(IngestError) -> Int? {
    var at = 0
    while at < overlap {
      let count = min(256 * 1024, overlap - at)
      let ours: [UInt8]
      do throws(LogError) { ours = try read(offset + UInt64(at), count) } catch {
        throw .log(error)
      }
      let same = ours.withUnsafeBytes { bytes.part(at..<(at + count)).equals($0) }
      if !same { return at }
      at += count
    }
    return nil
  }

  /// The start of a segment that is not held yet.
  private func fresh(_ decoder: inout PayloadDecoder) throws(IngestError) -> News {
    guard offset == 0 else { throw .gap(end: nil) }
    let header: SegmentHeader
    do throws(DecodeFault) {
      header = try SegmentHeader(decoding: bytes)
      guard header.name == name else { throw .wrongName }
    } catch { throw .damaged(end: nil, error) }
    let size = Format.segmentHeaderSize
    let start = SegmentEnd(
      name: name, end: Offset(UInt64(size)), chain: header.checksum, records: .zero,
      durableEnd: .zero, durableRecords: .zero)
    return try verify(from: size, onto: start, writeFrom: 0, &decoder)
  }

  private func news(from index: Int, _ decoder: inout PayloadDecoder) throws(IngestError) -> News {
    guard let held else { throw .gap(end: nil) }
    return try verify(from: index, onto: held, writeFrom: index, &decoder)
  }

  /// Verifies every frame from `index` on as following `start`.
  private func verify(
    from index: Int, onto start: SegmentEnd, writeFrom: Int, _ decoder: inout PayloadDecoder
  ) throws(IngestError) -> News {
    var end = start
    let shift = UInt64(writeFrom == 0 && held == nil ? 0 : start.end.value)
    var news = News(
      bytes: bytes.part(writeFrom..<bytes.count), writeAt: shift, end: start)
    var at = index
    while at < bytes.count {
      let rest = bytes.part(at..<bytes.count)
      let header: FrameHeader
      if believesSizes, rest.count >= Format.frameHeaderSize { decoder.believe(rest.little(20)) }
      do throws(DecodeFault) {
        header = try FrameHeader(decoding: rest)
        guard header.totalSize <= rest.count else { throw .truncated }
        let place = ignoresPlaces ? header.offset : end.end.value
        try header.verify(rest, at: place, of: name.nonce)
      } catch { throw .damaged(end: held, error) }
      if !ignoresPlaces {
        do throws(DecodeFault) { try header.verify(follows: end.chain, records: end.records) } catch
        {
          // Intact, but of another history than ours: not damage on the way.
          if let held, at == index, case .wrongChain = error { throw .diverged(held) }
          throw .damaged(end: held, error)
        }
      }
      do throws(DecodeFault) { _ = try decoder.records(of: header, in: rest) } catch {
        throw .damaged(end: held, error)
      }
      news.starts.append((header.firstOrdinal, end.end.value))
      end.end = end.end + header.totalSize
      end.chain = header.checksum
      end.records = end.records + Int(header.count)
      at += header.totalSize
    }
    news.end = end
    return news
  }

  /// Whether the offer is intact by itself around `index`, which differs from what is held.
  func faultBefore(_ index: Int, window: Int) -> DecodeFault? {
    var at = 0
    var place = offset
    if offset == 0 {
      do throws(DecodeFault) {
        guard try SegmentHeader(decoding: bytes).name == name else { throw .wrongName }
      } catch { return error }
      at = Format.segmentHeaderSize
      place = UInt64(at)
    }
    while at < min(bytes.count, index + window) {
      let rest = bytes.part(at..<bytes.count)
      do throws(DecodeFault) {
        let header = try FrameHeader(decoding: rest)
        guard header.totalSize <= rest.count else { throw .truncated }
        try header.verify(rest, at: place, of: name.nonce)
        at += header.totalSize
        place = header.end
      } catch { return error }
    }
    return nil
  }
}
