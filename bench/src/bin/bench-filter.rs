fn main() -> anyhow::Result<()> {
    bookend_bench::first()
}
