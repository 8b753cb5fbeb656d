"""RFC 7541 (HPACK): tables and their sizes, integers, strings, each representation."""

from cases import (GET, WHOLE, await_ack, await_response, case, check_response, connection_error, goes_on, request, response,
                   serves_next)
from http2_peer import (CONTINUATION, END_HEADERS, END_STREAM, HEADER_TABLE_SIZE, HEADERS, SETTINGS, frame, integer, literal, section,
                        settings)

HEAD = section(GET)
FAULT = "COMPRESSION_ERROR"
# RFC 7541, appendix A: GET, http, /size/100 by the name of :path, and :authority.
INDEXED = b"\x82\x86" + b"\x44\x09/size/100" + b"\x41\x06a.test"


def block(data, stream=1):
    return frame(HEADERS, WHOLE, stream, data)


def size_update(size):
    """RFC 7541 §6.3"""
    return integer(size, 5, 0x20)


def huffman_of(text):
    import hpack.huffman
    import hpack.huffman_constants as constants

    return hpack.huffman.HuffmanEncoder(constants.REQUEST_CODES, constants.REQUEST_CODES_LENGTH).encode(text)


def with_value(encoded, is_huffman):
    """A field `x` whose value is these bytes."""
    return HEAD + b"\0\1x" + integer(len(encoded), 7, 0x80 if is_huffman else 0) + encoded


def by_huffman(kind):
    """`user-agent: someone`, by this representation."""
    name, value = huffman_of(b"user-agent"), huffman_of(b"someone")
    return bytes([kind]) + integer(len(name), 7, 0x80) + name + integer(len(value), 7, 0x80) + value


def smaller_table(peer):
    """A client that wants no dynamic table gets none: its decoder would refuse what refers to one."""
    peer.decoder.max_allowed_table_size = 0
    peer.send(frame(SETTINGS, 0, 0, settings((HEADER_TABLE_SIZE, 0))))
    await_ack(peer)
    for stream in (1, 3, 5):
        peer.send(request(stream))
        check_response(peer, stream, "200")
    assert peer.decoder.header_table_size == 0, peer.decoder.header_table_size
    serves_next(peer)


def table_that_comes_and_goes(peer):
    for size in (4096, 100, 0, 60_000, 4096):
        peer.decoder.max_allowed_table_size = max(size, peer.decoder.header_table_size)
        peer.send(frame(SETTINGS, 0, 0, settings((HEADER_TABLE_SIZE, size))))
        await_ack(peer)
        peer.decoder.max_allowed_table_size = size
        stream = table_that_comes_and_goes.next
        table_that_comes_and_goes.next += 2
        peer.send(request(stream))
        check_response(peer, stream, "200")
    table_that_comes_and_goes.next = 1
    serves_next(peer)


table_that_comes_and_goes.next = 1


def dynamic_table(peer):
    """Fields that are added are there for later requests, the newest first."""
    peer.send(block(INDEXED))
    check_response(peer, 1, "200")
    # 62 is :authority, 63 is :path.
    peer.send(block(b"\x82\x86\xbf\xbe", 3))
    check_response(peer, 3, "200")
    serves_next(peer)


def eviction(peer):
    """What is larger than the table empties it."""
    peer.send(block(INDEXED))
    check_response(peer, 1, "200")
    peer.send(block(INDEXED + literal(b"x", b"y" * 5000, 0x40), 3))
    check_response(peer, 3, "200")
    peer.send(block(b"\x82\x86\xbe\xbf", 5))
    connection_error(FAULT)(peer)


for piece, sentence in ((smaller_table, "no dynamic table"), (table_that_comes_and_goes, "tables of these sizes"),
                        (dynamic_table, "the same fields"), (eviction, "COMPRESSION_ERROR")):
    piece.otherwise = sentence

CASES = [
    case("7541 2.3.2", "Fields of the dynamic table", dynamic_table),
    case("7541 4.4", "A field larger than the table empties it", eviction),
    case("7541 2.3.3", "Index 62 in an empty table", connection_error(FAULT), block(HEAD + b"\xbe")),
    case("7541 2.3.3", "Index 70 as a name", connection_error(FAULT), block(HEAD + b"\x7f\x07\1x")),
    case("7541 2.3.3", "An index far beyond", connection_error(FAULT), block(HEAD + integer(100_000, 7, 0x80))),
    case("7541 6.1", "Index 0", connection_error(FAULT), block(HEAD + b"\x80")),
    case("7541 4.2", "A size update behind the first field", connection_error(FAULT), block(HEAD + size_update(10))),
    case("7541 4.2", "A size update between fields", connection_error(FAULT), block(HEAD[:13] + size_update(10) + HEAD[13:])),
    case("7541 4.2", "Two size updates before the first field", response(), block(size_update(0) + size_update(4096) + HEAD)),
    case("7541 6.3", "A size update above what SETTINGS allow", connection_error(FAULT), block(size_update(4097) + HEAD)),
    case("7541 6.3", "A size update far above", connection_error(FAULT), block(size_update(1 << 31) + HEAD)),
    case("7541 6.3", "A size update of 0, and then fields of an empty table", connection_error(FAULT), block(INDEXED), await_response(1),
         block(size_update(0) + b"\x82\x86\xbf\xbe", 3)),
    case("7541 4.3", "A client that wants no dynamic table", smaller_table),
    case("7541 4.3", "A client whose table changes its size", table_that_comes_and_goes),
    case("7541 5.1", "An integer that doesn't end", connection_error(FAULT), block(HEAD + b"\xff\x80\x80\x80")),
    case("7541 5.1", "An integer beyond 2^62", connection_error(FAULT), block(HEAD + b"\xff" + b"\xff" * 9 + b"\x01")),
    case("7541 5.1", "An integer with zeros in front", response(), block(HEAD + b"\0\1x\x7f\x80\x80\x00" + b"y" * 127)),
    case("7541 5.2", "A string longer than what is there", connection_error(FAULT), block(HEAD + b"\0\1x\x20abc")),
    case("7541 5.2", "A name without a value", connection_error(FAULT), block(HEAD + b"\0\1x")),
    case("7541 5.2", "A value by Huffman's code", response(), block(with_value(huffman_of(b"some value"), True))),
    # `a` is 00011; three bits of padding, all ones.
    case("7541 5.2", "Padding of ones", response(), block(with_value(b"\x1f", True))),
    case("7541 5.2", "Padding of zeros", connection_error(FAULT), block(with_value(b"\x18", True))),
    case("7541 5.2", "Padding of 11 bits", connection_error(FAULT), block(with_value(b"\x1f\xff", True))),
    case("7541 5.2", "Padding of 8 bits", connection_error(FAULT), block(with_value(huffman_of(b"0" * 8) + b"\xff", True))),
    case("7541 5.2", "The symbol for the end of a string", connection_error(FAULT), block(with_value(b"\xff\xff\xff\xfc\x7f", True))),
    *(case(f"7541 {section_number}", f"A field {what}, name and value by Huffman's code", response(), block(HEAD + by_huffman(kind)))
      for section_number, what, kind in (("6.2.1", "that is added to the table", 0x40), ("6.2.2", "that isn't added", 0),
                                         ("6.2.3", "that is never added", 0x10))),
    case("7541 6.1", "A field of the static table without a value", response(), block(HEAD + b"\xba")),
    case("7541 6.2.1", "A field that is added to the table", response(), block(HEAD + literal(b"x", b"y", 0x40))),
    case("7541 6.2.2", "A field that isn't added", response(), block(HEAD + literal(b"x", b"y", 0))),
    case("7541 6.2.3", "A field that is never added", response(), block(HEAD + literal(b"x", b"y", 0x10))),
    case("7541 2.2", "Tables live on after a malformed request", goes_on,
         frame(HEADERS, WHOLE, 1, HEAD + literal(b"X", b"y", 0x40) + literal(b"z", b"1", 0x40)),
         frame(HEADERS, WHOLE, 3, HEAD + b"\xbe"), await_response(3)),
    case("7541 2.2", "Tables live on after a request that is too large", goes_on,
         *(frame(HEADERS if number == 0 else CONTINUATION, (END_STREAM if number == 0 else 0) | (END_HEADERS if number == 6 else 0), 1,
                 (HEAD if number == 0 else b"") + literal(b"x", b"y" * 8000) + literal(b"z", b"%d" % number, 0x40))
           for number in range(7)),
         frame(HEADERS, WHOLE, 3, HEAD + b"\xbe"), await_response(3)),
]
