# The plugin with libvips, where it is built (-DMILLRACE_WITH_VIPS=ON): what comes out, what is refused.
. "$(dirname "$0")/../lib.sh"
plugin=$MR_BUILD/plugins/image.so
[ -e "$plugin" ] || skip "built without libvips"
need vips vipsheader vipsthumbnail
mkdir in
vips gaussnoise noise.v 600 400 --mean 128 --sigma 20
vips cast noise.v grey.v uchar
vips bandjoin 'grey.v grey.v grey.v' rgb.v
vips copy rgb.v 'in/a.jpeg[Q=90]'
vips copy rgb.v in/b.png
expect_size() {
    run_command vipsheader "$1"
    expect_text "$out" "$2"
}

run run in -o small/ -p "$plugin:width=120,to=webp"
expect_status 0
expect_size small/a.webp '120x80 uchar, 3 bands'
expect_size small/b.webp '120x80 uchar, 3 bands'
vipsthumbnail in/a.jpeg -s 120x -o "$PWD/expected.webp[Q=75]"
expect_same expected.webp small/a.webp

# The format stays where none is given; nothing is made larger.
run run in -o same/ -p "$plugin:height=9000"
expect_status 0
expect_size same/a.jpeg '600x400'
expect_size same/b.png '600x400'
run run in/a.jpeg -o a.png -p "$plugin:to=png"
expect_status 0
expect_size a.png '600x400'

# Images that are damaged, cut off or too large fail alone.
mkdir bad
head -c 20000 in/a.jpeg >bad/cut.jpg
printf 'text' >bad/text.jpg
: >bad/empty.jpg
cp in/a.jpeg bad/good.jpg
run run bad -o out/ -p "$plugin:width=50"
expect_status 1
expect_text "$err" '3 failed'
expect_text "$err" 'bad/text.jpg: image: not an image'
expect_text "$err" 'bad/cut.jpg: image: '
expect_no_text "$err" WARNING
expect_size out/good.jpg '50x33'
expect_missing out/cut.jpg
head -c 1100000 /dev/zero >bad/big.jpg
run run bad/big.jpg -o null: -p "$plugin:width=50,max-input=1"
expect_status 1
expect_text "$err" 'larger than 1 MiB: max-input allows more'
vips black large.png 1000 1000
run run large.png -o null: -p "$plugin:width=50,max-megapixels=1"
expect_status 0
vips black larger.png 2000 1500
run run larger.png -o null: -p "$plugin:width=50,max-megapixels=2"
expect_status 1
expect_text "$err" '3.0 megapixels: max-megapixels allows more'

run run in -o no/ -p "$plugin"
expect_usage 'say what to do'
run run in -o no/ -p "$plugin:width=0"
expect_usage 'must be a number from 1 to 65535'
