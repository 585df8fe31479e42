/** How a source's answer differed from what was expected and was read all the same. */
export type Conversion =
  | 'coding'
  | 'charset'
  | 'number_to_text'
  | 'text_to_number'
  | 'time_to_text'
  | 'text_cut'
  | 'field_ignored'
  | 'element_left_out';

/** Counts what happens between us and the upstreams and leaves no other trace. */
export interface UpstreamCounts {
  /** A kept connection broke before the first byte of an answer, and the call was made once more on a fresh one. */
  repeated(upstream: string): void;
  converted(source: string, conversion: Conversion): void;
}
