using System.Runtime.InteropServices;

namespace KvCluster.KvStore.Disk.Measurement;

/// <summary>Lets the kernel forget what it has cached of a file, so that a read comes from the device.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4;

    public static void Drop(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(path, options: FileOptions.None, share: FileShare.ReadWrite | FileShare.Delete);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise((int)handle.DangerousGetHandle(), 0, 0, DontNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(int file, long offset, long length, int advice);
}
