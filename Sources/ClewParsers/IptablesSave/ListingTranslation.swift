import ClewSnapshot

/// Stub.
struct ListingTranslation {
    struct Row { var lineStart: Int; var lineEnd: Int; var text: TextRange; var translation: TextRange }
    var text: [UInt8] = []
    var rows: [Row] = []
    var isEmpty: Bool { rows.isEmpty }
    init(_ bytes: [UInt8]) {}
}
extension SaveReader {
    mutating func readListing(_ row: ListingTranslation.Row, _ position: Int) -> Int { row.lineEnd + 1 }
}
