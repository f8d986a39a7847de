/** The axis letters every shape in this tree is written with.
 *
 *    T  tokens of a micro-batch, packed: sum of the lengths of its sequences, never padded
 *    H  hidden size            N  attention heads        D  head dim, H = N*D in most families
 *    F  ffn (intermediate)     V  vocabulary             L  layers
 *    B  sequences of a micro-batch                       C  classes (labels)
 *
 *  A micro-batch is cu_len [B+1] and x [T,H]: sequence b owns rows cu_len[b] .. cu_len[b+1]-1.
 *  Tensors are row-major; in prose [R,C] means R rows of C elements.
 *
 *  A unit is half a layer: unit 2*l is the attention of layer l, unit 2*l+1 its ffn. A slice is
 * a contiguous range of units [first, last).
 */
#ifndef TFM_CORE_TENSOR_DIMS_H
#define TFM_CORE_TENSOR_DIMS_H

enum { TFM_MAX_LAYERS = 4096, TFM_MAX_UNITS = 2 * TFM_MAX_LAYERS };

#endif
