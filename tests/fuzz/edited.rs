//! Inputs that are nearly right: the bytes of the fuzzer say which sample is meant, and how
//! it differs.

/// The sample that the first byte chooses, with what the others change: each four of them
/// are a place, what to do there, and a byte to do it with.  Behind the last sample, the
/// input itself.
pub fn edited(samples: &[Vec<u8>], input: &[u8]) -> Vec<u8> {
    let Some((&first, edits)) = input.split_first() else {
        return Vec::new();
    };
    let Some(sample) = samples.get(usize::from(first) % (samples.len() + 1)) else {
        return edits.to_vec();
    };
    let mut bytes = sample.clone();
    for edit in edits.chunks_exact(4) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % (bytes.len() + 1);
        match edit[2] % 6 {
            0 => bytes.insert(place, edit[3]),
            1 => bytes.truncate(place),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3 => {
                let end = bytes.len().min(place + usize::from(edit[3]));
                let part = bytes[place..end].to_vec();
                bytes.extend(part);
            }
            _ if place < bytes.len() => bytes[place] = edit[3],
            _ => {}
        }
    }
    bytes
}
